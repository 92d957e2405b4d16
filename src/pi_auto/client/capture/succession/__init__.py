"""One capture takes over from another, of the next release, without a moment in which a key could be lost.

Loaded when that is asked for. What both sides say to each other stands in contract.py, and who does what when in
docs/decisions/0070.
"""
