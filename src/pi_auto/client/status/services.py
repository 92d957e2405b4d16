"""How systemd sees the two services of the appliance, and how a person starts either."""

from __future__ import annotations

import subprocess
from pathlib import Path

from pi_auto.client.settings import DEFAULT_STATE, Settings

AGENT, CAPTURE = "pi-auto-client", "pi-auto-capture"
_PATIENCE = 5.0  # seconds for one question
_SYSTEMD = Path("/run/systemd/system")


def are_asked_for(settings: Settings) -> bool:
    """Whether the state that is looked at is the services', and systemd runs here."""
    return settings.state == DEFAULT_STATE and _SYSTEMD.is_dir()


def states() -> dict[str, str]:
    """What `systemctl is-active` says of each: active, inactive, failed and so on; unknown if it says nothing."""
    return {unit: _state(unit) for unit in (AGENT, CAPTURE)}


def start_command(settings: Settings, unit: str) -> str:
    """What a person types to start one of them."""
    if are_asked_for(settings):
        return f"sudo systemctl start {unit}"
    return f"pi-auto-client {'agent' if unit == AGENT else 'capture'} --state {settings.state}"


def _state(unit: str) -> str:
    try:
        said = subprocess.run(
            ["systemctl", "is-active", f"{unit}.service"],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return said.strip() or "unknown"
