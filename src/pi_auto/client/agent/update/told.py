"""What root's switcher tells of an update: steps, each with a number that is never used twice.

<state>/update-told/root.json   {"version": of the newest of the fleet's roots that it believes}
<state>/update-told/counter.json   {"counter": of the newest release that this device has had}
<state>/update-told/told.json   {"steps": [{"number", "update_id", "version", "step", "reason", "time"}, …]}
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.release import SHA256, VERSION
from pi_auto.wire.times import format_time
from pi_auto.wire.update import COMMITTED, MOST_REASON, REFUSED, ROLLED_BACK, STEPS

FILE, ROOT_FILE = "update-told/told.json", "update-told/root.json"
COUNTER_FILE = "update-told/counter.json"
NOT_NOW = "not now: "  # so begins the reason of a refusal that may be none later
FINAL = (COMMITTED, ROLLED_BACK, REFUSED)
_MOST = 64 * 1024  # bytes
_MOST_STEPS = 32


@dataclass(frozen=True, slots=True)
class Step:
    """One step of one update; `time` as the wire writes it. `number` is 0 for the agent's own."""

    step: str
    update_id: str
    version: str
    time: str
    reason: str = ""
    number: int = 0

    @classmethod
    def from_json(cls, value: object) -> Step:
        """Read it, or raise FieldError naming what is wrong."""
        fields = Fields(value, "step")
        return cls(
            step=fields.choice("step", STEPS),
            update_id=fields.text("update_id", most=64, form=SHA256),
            version=fields.text("version", most=64, form=VERSION),
            time=format_time(fields.time("time")),
            reason=fields.optional("reason", lambda name: fields.text(name, most=MOST_REASON, least=0), ""),
            number=fields.integer("number"),
        )

    def to_json(self) -> dict[str, object]:
        """As it is kept."""
        return {name: getattr(self, name) for name in self.__slots__}


def told_in(state: Path) -> list[Step]:
    """The switcher's steps, oldest first; what cannot be read is not there."""
    try:
        with (state / FILE).open("rb") as file:
            steps = json.loads(file.read(_MOST))["steps"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    found = [_step(one) for one in (steps if isinstance(steps, list) else [])[-_MOST_STEPS:]]
    return sorted((one for one in found if one), key=lambda one: one.number)


def root_told_in(state: Path) -> int:
    """The newest root that the switcher believes; 0 where it has told none."""
    return _number_in(state / ROOT_FILE, "version")


def counter_told_in(state: Path) -> int:
    """The release counter that the switcher takes this device to be at; 0 where it has told none."""
    return _number_in(state / COUNTER_FILE, "counter")


def _number_in(told: Path, name: str) -> int:
    try:
        with told.open("rb") as file:
            return Fields(json.loads(file.read(_MOST))).integer(name)
    except (OSError, ValueError, RecursionError, FieldError):
        return 0


def _step(value: object) -> Step | None:
    try:
        return Step.from_json(value)
    except FieldError:
        return None
