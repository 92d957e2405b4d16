"""What an operator has a device do at once: direct methods, each audited, and the bundles that they bring."""
