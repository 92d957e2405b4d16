"""The attempt that is under way, by a small file: for the agent, which has to prove the fleet through it, and for a
helper that died in it. It holds no secret, and lies where a restart of the machine leaves nothing.

The agent answers on its bulletin.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pi_auto.files import write_whole

FOLDER = Path("/run/pi-auto-wifi")
TOPIC = "wifi"  # of the agent's bulletin
_FILE, _MOST = "attempt.json", 4096


@dataclass(frozen=True, slots=True)
class Attempt:
    """`uuid` is that of the profile in use, `radio` its device's object; `former` the profile it used before."""

    uuid: str
    interface: str
    radio: str
    former: str | None = None


def begin(attempt: Attempt, folder: Path = FOLDER) -> None:
    """Tell of it. Raises OSError."""
    write_whole(folder / _FILE, json.dumps(asdict(attempt)), mode=0o644, durable=False)


def under_way(folder: Path = FOLDER) -> Attempt | None:
    """The attempt, if there is one."""
    try:
        with (folder / _FILE).open("rb") as file:
            told = json.loads(file.read(_MOST))
        return Attempt(str(told["uuid"]), str(told["interface"]), str(told["radio"]), told["former"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def end(folder: Path = FOLDER) -> None:
    """It is over."""
    (folder / _FILE).unlink(missing_ok=True)
