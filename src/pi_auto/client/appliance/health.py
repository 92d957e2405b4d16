"""Whether the appliance works, as the installer says it at its end."""

from __future__ import annotations

import json
from typing import Any

from pi_auto.client.appliance import machine
from pi_auto.client.appliance.waiting import comes_true

_COMMAND = "/usr/local/bin/pi-auto-client"
TO_START = 15.0  # seconds; a first try that failed is followed by another within this time
_TO_REGISTER = 20.0


def not_running(patience: float = TO_START) -> list[str]:
    """A sentence for each service that does not come to run, with its last words."""
    comes_true(lambda: all(machine.is_active(unit) for unit in machine.UNITS), patience)
    return [
        f"{unit} does not run: {machine.last_words(unit) or 'it said nothing'}"
        for unit in machine.UNITS
        if not machine.is_active(unit)
    ]


def report() -> bool:
    """Show what was installed, and say whether both services run.

    A server that is not named yet, or not reached, is told and is no failure: the device goes on trying.
    """
    troubles = not_running()
    has_server = bool(_status().get("server"))
    if not troubles and has_server:
        comes_true(lambda: _is_registered() or _was_refused(), _TO_REGISTER)
    print(machine.may_fail(_COMMAND, "status").rstrip())
    for trouble in troubles:
        print(f"pi-auto-client setup: {trouble}")
    print(_verdict(works=not troubles, has_server=has_server))
    return not troubles


def _verdict(*, works: bool, has_server: bool) -> str:
    if not works:
        return (
            "The Pi Auto Client is installed, but does not work yet. See: sudo journalctl -u pi-auto-client -n 50"
        )
    if not has_server:
        return (
            "The Pi Auto Client is installed and reads scanners. No server is set yet: what is scanned is stored, "
            "and delivered once you have named one: sudo pi-auto-client configure --server URL"
        )
    if not _is_registered():
        enrolment = _status().get("enrolment")
        if enrolment and not enrolment["ok"]:
            return (
                "The Pi Auto Client is installed and reads scanners; what is scanned is stored. "
                f"{enrolment['said']}. What to do: {enrolment['remedy']}"
            )
        return (
            "The Pi Auto Client is installed and reads scanners, but the server has not registered it yet; "
            f"it goes on trying. Last words: {machine.last_words('pi-auto-client.service')}"
        )
    return "The Pi Auto Client is installed and healthy."


def _status() -> dict[str, Any]:
    try:
        told = json.loads(machine.may_fail(_COMMAND, "status", "--json"))
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _is_registered() -> bool:
    return bool(_status().get("registered"))


def _was_refused() -> bool:
    """Whether the agent has said already that it did not get through: there is no use in waiting then."""
    return "cannot register" in machine.last_words("pi-auto-client.service")
