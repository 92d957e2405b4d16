"""What the switcher tells: `<state>/update-told/told.json`, the newest steps, each with a number that only grows.

The agent reads it and tells the server. The folder is root's, and nothing secret is in it. Beside it,
`root.json` tells how many of the fleet's roots are believed, so that the agent hands over those that follow, and
`counter.json` which release counter this device is at, so that the server offers nothing that is refused for it.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pi_auto.client.planted import Unsafe, read_own
from pi_auto.files import write_whole
from pi_auto.wire.times import format_time
from pi_auto.wire.update import MOST_REASON, REFUSED

FILE, ROOT_FILE, COUNTER_FILE = "told.json", "root.json", "counter.json"
MOST = 32  # steps
_MOST_BYTES = 64 * 1024
log = logging.getLogger("pi_auto.switcher")


def told_in(folder: Path, owner: int = 0) -> list[dict[str, Any]]:
    """The steps that were told, oldest first; none where they cannot be read."""
    try:
        octets = read_own(folder / FILE, _MOST_BYTES, owner)
        steps = json.loads(octets)["steps"] if octets else []
        return [step for step in steps if isinstance(step["number"], int)]
    except (Unsafe, ValueError, KeyError, TypeError, RecursionError):
        return []


def tell(folder: Path, update_id: str, version: str, step: str, reason: str = "", *, owner: int = 0) -> None:
    """Tell a step, durably; one that is the newest of its update already is not told again. Raises OSError.

    But for a refusal: each answers a hand-over of its own, for which agent and roll-out wait.
    """
    steps = told_in(folder, owner)
    said = {"update_id": update_id, "version": version, "step": step, "reason": reason[:MOST_REASON]}
    newest: dict[str, Any] = next((one for one in reversed(steps) if one.get("update_id") == update_id), {})
    if step != REFUSED and {name: newest.get(name) for name in said} == said:
        return
    log.log(logging.WARNING if reason else logging.INFO, "update %s: %s %s", version, step, reason)
    number = max((one["number"] for one in steps), default=0) + 1
    steps.append({"number": number, **said, "time": format_time(datetime.now(UTC))})
    write_whole(folder / FILE, _written(steps[-MOST:]), mode=0o644)


def _written(steps: list[dict[str, Any]]) -> str:
    """As many of the newest as may be read again: reasons may be long, in whatever letters."""
    while len(written := json.dumps({"steps": steps}) + "\n") > _MOST_BYTES:
        steps = steps[1:]
    return written


def tell_root(folder: Path, version: int, *, owner: int = 0) -> None:
    """Tell which root is the newest that is believed, if that is news. Raises OSError."""
    _tell_whole(folder / ROOT_FILE, {"version": version}, owner)


def tell_counter(folder: Path, counter: int, *, owner: int = 0) -> None:
    """Tell below which release counter nothing is taken, if that is news. Raises OSError."""
    _tell_whole(folder / COUNTER_FILE, {"counter": counter}, owner)


def _tell_whole(file: Path, told: dict[str, int], owner: int) -> None:
    said = json.dumps(told) + "\n"
    try:
        was = read_own(file, _MOST_BYTES, owner)
    except Unsafe:
        was = None
    if was != said.encode():
        write_whole(file, said, mode=0o644)
