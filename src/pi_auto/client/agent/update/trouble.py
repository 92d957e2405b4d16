"""What ends a fetch besides the errors of a call: what was fetched is wrong, or the device cannot take it now."""

from __future__ import annotations

from pi_auto.client.agent.update.told import NOT_NOW


class Wrong(Exception):  # noqa: N818 - named for what has happened
    """What the server has is not what the fleet has signed, or is not to be taken; operators read the sentence."""


class Useless(Wrong):
    """What the fleet has signed is none that a device could take: fetching it again makes it no better."""


class Passing(Wrong):
    """It may pass by itself or be mended: the sentence says so to the roll-out, which does not count the try."""

    def __init__(self, said: str) -> None:
        super().__init__(f"{NOT_NOW}{said}")


class NoRoom(Passing):
    """The disk has too little room."""
