"""What lets a device in without an operator's yes: a batch token or a one-time secret, in a file of its own.

The installer writes it, the agent shows it until its device is taken in and erases it then. It
never goes into /etc, a log or a bundle. What is damaged is not shown: the server would refuse
all of the request for it, and the device could not even be noted.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from pi_auto.files import fsync_folder
from pi_auto.wire.enrolment import SECRET
from pi_auto.wire.fleet_card import BATCH_TOKEN

log = logging.getLogger("pi_auto.registration")

FILE = "batch_token"
_MOST = 256  # bytes


@dataclass(frozen=True, slots=True)
class Invitation:
    """One of the two, or neither."""

    batch_token: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, text: str) -> Invitation | None:
        """What a text is; nothing if it is neither."""
        if BATCH_TOKEN.match(text):
            return cls(batch_token=text)
        return cls(secret=text) if SECRET.match(text) else None


def kept(folder: Path) -> Invitation:
    """What is kept in `folder`."""
    file = folder / FILE
    try:
        with file.open("rb") as opened:
            text = opened.read(_MOST).decode("ascii", "replace").strip()
    except FileNotFoundError:
        return Invitation()
    except OSError as error:
        log.warning("%s cannot be read: %s", file, error.strerror)
        return Invitation()
    invitation = Invitation.of(text)
    if invitation is None:
        log.warning("%s holds neither a batch token nor a one-time secret, and is not shown to the fleet", file)
    return invitation or Invitation()


def erase(folder: Path) -> None:
    """It has served; others might still get in with it."""
    try:
        (folder / FILE).unlink()
        fsync_folder(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        log.warning("%s could not be erased; remove it by hand: %s", folder / FILE, error.strerror)
    else:
        log.info("the batch token is erased: this device is enrolled")
