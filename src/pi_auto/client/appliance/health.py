"""Whether the appliance works, as the installer says it at its end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from pi_auto.client.appliance import machine

_COMMAND = "/usr/local/bin/pi-auto-client"
TO_START = 15.0  # seconds; a first try that failed is followed by another within this time
_TO_REGISTER = 20.0
_LOOK = 0.5


def not_running(patience: float = TO_START) -> list[str]:
    """A sentence for each service that does not come to run, with its last words."""
    _wait(patience, lambda: all(machine.is_active(unit) for unit in machine.UNITS))
    return [
        f"{unit} does not run: {machine.last_words(unit) or 'it said nothing'}"
        for unit in machine.UNITS
        if not machine.is_active(unit)
    ]


def report() -> bool:
    """Show what was installed, and say whether both services run.

    A server that is not reached yet is told and is no failure: the device goes on trying.
    """
    troubles = not_running()
    registered = (
        not troubles and _wait(_TO_REGISTER, lambda: _is_registered() or _was_refused()) and _is_registered()
    )
    print(machine.may_fail(_COMMAND, "status").rstrip())
    for trouble in troubles:
        print(f"pi-auto-client setup: {trouble}")
    if troubles:
        print(
            "The Pi Auto Client is installed, but does not work yet. See: sudo journalctl -u pi-auto-client -n 50"
        )
        return False
    if not registered:
        print(
            "The Pi Auto Client is installed and reads scanners, but the server has not registered it yet; "
            f"it goes on trying. Last words: {machine.last_words('pi-auto-client.service')}"
        )
        return True
    print("The Pi Auto Client is installed and healthy.")
    return True


def _is_registered() -> bool:
    try:
        return bool(json.loads(machine.may_fail(_COMMAND, "status", "--json"))["registered"])
    except (ValueError, KeyError):
        return False


def _was_refused() -> bool:
    """Whether the agent has said already that it did not get through: there is no use in waiting then."""
    return "cannot register" in machine.last_words("pi-auto-client.service")


def _wait(patience: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK)
    return True
