"""Why an update is not taken, or not kept."""

from __future__ import annotations

from pi_auto.client.appliance.errors import SetupFailed

NOT_NOW = "not now: "  # so begins the reason where the same archive may be handed over again


class Refused(Exception):  # noqa: N818 - named for what has happened
    """Nothing was changed. The text is told to the fleet; `later` if the same may be tried again."""

    def __init__(self, reason: str, *, later: bool = False) -> None:
        super().__init__(f"{NOT_NOW}{reason}" if later else reason)
        self.later = later


class NotTakenOver(SetupFailed):
    """The capture of a release could not take over from the one that runs, which went on scanning."""


class SelfTestFailed(Refused):
    """The release does not work on this machine: this archive is never tried again."""
