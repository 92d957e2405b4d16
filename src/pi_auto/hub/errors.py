"""What can go wrong at the hub, named by who must act."""

from __future__ import annotations


class OperatorError(Exception):
    """The hub cannot start or go on as it was told to; the text says what to change, in one sentence."""
