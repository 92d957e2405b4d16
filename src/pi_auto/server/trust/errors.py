"""What stands in the way of the fleet's authority."""

from __future__ import annotations


class TrustError(Exception):
    """The operator has to do something before this server can prove its fleet; the sentence says what."""
