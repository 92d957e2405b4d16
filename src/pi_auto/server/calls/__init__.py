"""What an operator has a device do at once: direct methods, the bundles they bring, and the audit of it all.

Each call is in the audit before the hub hears of it, and what came of it as soon as that is known.
"""
