"""The state of an update that is tried out: written before anything changes, gone when it has ended either way.

While `state.json` is there, the former release's code judges (the link `judge` names it), the
system's own updates wait, and a boot counts a try.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path

from pi_auto.client.planted import Unsafe, read_own
from pi_auto.files import fsync_folder, write_whole
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.release import SHA256, VERSION
from pi_auto.wire.strict_json import read_strictly

FILE = "state.json"
MOST_TRIES = 3
_MOST = 16 * 1024  # bytes


class Phase(Enum):
    """How far it is. From TRIAL it goes to one of the others, and never back."""

    TRIAL = "trial"
    COMMITTING = "committing"
    GOING_BACK = "going_back"


class Why(Enum):
    """Why a release is gone back from."""

    CRASHED = "crashed"
    HUNG = "hung"
    FAILED = "failed"  # it could not be put in its place
    NOT_TAKEN_OVER = "not_taken_over"  # its capture could not take over from the former, which went on
    DID_NOT_COME_UP = "did_not_come_up"
    UNREACHED = "unreached"
    BY_HAND = "by_hand"


BLAMED = frozenset((Why.CRASHED, Why.HUNG))  # never for a server that was out of reach


@dataclass(frozen=True, slots=True)
class Trial:
    """One update. Folders of releases are relative to `<opt>`; `began_ns` is CLOCK_BOOTTIME of the boot `boot`.

    `tries` counts the boots since it has last worked, `id` tells it from another trial of the same archive. `ran`
    are the services that were working before, `reached` says whether server or hub answered then, `opened` how
    many scanners were open.
    """

    id: str
    fleet: str
    update_id: str
    version: str
    counter: int
    former: str
    new: str
    previous: str | None
    ran: tuple[str, ...]
    reached: bool
    opened: int
    boot: str
    began_ns: int
    phase: Phase = Phase.TRIAL
    tries: int = 0
    started: bool = False  # in the boot `boot`
    why: Why | None = None
    reason: str = ""

    def next_boot(self, boot: str, now_ns: int) -> Trial:
        """The same after a boot, which is one more try."""
        return replace(self, boot=boot, began_ns=now_ns, tries=self.tries + 1, started=False)

    def going_back(self, why: Why, reason: str) -> Trial:
        """It has not shown that it works."""
        return replace(self, phase=Phase.GOING_BACK, why=why, reason=reason[:400])

    def keep(self, folder: Path) -> None:
        """Write it, durably. Raises OSError."""
        told = asdict(self) | {"phase": self.phase.value, "why": self.why.value if self.why else None}
        write_whole(folder / FILE, json.dumps(told) + "\n", mode=0o600)


def trial_in(folder: Path, owner: int = 0) -> Trial | None:
    """The update that is tried out; nothing if none is. Raises OSError.

    What cannot be read is none: it was written whole, so it is the disk that has lost it.
    """
    try:
        octets = read_own(folder / FILE, _MOST, owner)
        return _read(Fields(read_strictly(octets, FILE, most=_MOST))) if octets is not None else None
    except (Unsafe, FieldError, ValueError):
        end(folder)
        return None


def end(folder: Path) -> None:
    """There is no trial any more. Raises OSError."""
    (folder / FILE).unlink(missing_ok=True)
    fsync_folder(folder)


def _read(fields: Fields) -> Trial:
    return Trial(
        id=fields.text("id", most=64),
        fleet=fields.text("fleet", most=64, least=0),
        update_id=fields.text("update_id", most=64, least=0) and fields.text("update_id", most=64, form=SHA256),
        version=fields.text("version", most=64, form=VERSION),
        counter=fields.integer("counter"),
        former=_release(fields, "former"),
        new=_release(fields, "new"),
        previous=fields.optional("previous", lambda name: _release(fields, name)),
        ran=tuple(str(unit) for unit in fields.items("ran", most=8)),
        reached=fields.flag("reached"),
        opened=fields.integer("opened"),
        boot=fields.text("boot", most=64),
        began_ns=fields.integer("began_ns"),
        phase=Phase(fields.text("phase", most=32)),
        tries=fields.integer("tries"),
        started=fields.flag("started"),
        why=fields.optional("why", lambda name: Why(fields.text(name, most=32))),
        reason=fields.text("reason", most=512, least=0),
    )


def _release(fields: Fields, name: str) -> str:
    text = fields.text(name, most=128)
    if not text.startswith("releases/") or ".." in text or text.count("/") != 1:
        raise fields.refuse(name, "a release's folder")
    return text
