"""What goes wrong while installing."""

from __future__ import annotations


class SetupFailed(Exception):  # noqa: N818 - named for what has happened
    """It cannot go on; the text says what is wrong and what to do about it."""


class TookTooLong(SetupFailed):
    """A call did not end in its time; on a machine with more leisure it may."""
