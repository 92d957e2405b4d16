"""What ends a fetch besides the errors of a call: what was fetched is wrong, or the device has no room for it."""

from __future__ import annotations


class Wrong(Exception):  # noqa: N818 - named for what has happened
    """What the server has is not what the fleet has signed, or is not to be taken; operators read the sentence."""


class NoRoom(Wrong):
    """The disk has too little room."""
