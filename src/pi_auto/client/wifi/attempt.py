"""The attempt that is under way, as a small file tells it.

For the agent, which has to prove the fleet through it and answers on its bulletin, and for the helper that follows
one which died in it. It holds no secret, and lies where a restart of the machine leaves nothing.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pi_auto.client.planted import read_of_another
from pi_auto.files import write_whole

FOLDER = Path("/run/pi-auto-wifi")
TOPIC = "wifi"  # of the agent's bulletin
_FILE, _MOST = "attempt.json", 4096


@dataclass(frozen=True, slots=True)
class Attempt:
    """`uuid` is that of the profile in use, `radio` its device's object; `former` the profile it used before.

    Only once it `is_up` does the interface lead through the network on trial.
    """

    uuid: str
    interface: str
    radio: str
    former: str | None = None
    is_up: bool = False


def tell(attempt: Attempt, folder: Path = FOLDER) -> None:
    """Tell how it stands. Raises OSError."""
    write_whole(folder / _FILE, json.dumps(asdict(attempt)), mode=0o644, durable=False)


def under_way(folder: Path = FOLDER) -> Attempt | None:
    """The attempt, if there is one."""
    try:
        told = json.loads(read_of_another(folder / _FILE, _MOST) or b"")
        return Attempt(
            str(told["uuid"]), str(told["interface"]), str(told["radio"]), told["former"], told["is_up"]
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def end(folder: Path = FOLDER) -> None:
    """It is over."""
    (folder / _FILE).unlink(missing_ok=True)
