"""What systemd says of the two services."""

from __future__ import annotations

import time
from dataclasses import dataclass

from pi_auto.client.appliance import machine
from pi_auto.client.doctor.patient import Patient

_PATIENCE = 8.0  # seconds
_ASKED = "Id,LoadState,ActiveState,SubState,Result,NRestarts,UnitFileState,ActiveEnterTimestampMonotonic"


@dataclass(frozen=True, slots=True)
class Service:
    """One service; `up_for` are the seconds since it became active, if it is."""

    unit: str
    installed: bool
    active: bool
    state: str
    restarts: int
    at_boot: bool
    up_for: float | None = None


def services_of(patient: Patient) -> list[Service]:
    """Both services; none where systemd does not run. Raises SetupFailed if it does not answer."""
    if not patient.at("/run/systemd/system").is_dir():
        return []
    said = machine.run("systemctl", "show", f"--property={_ASKED}", *machine.UNITS, patience=_PATIENCE)
    return [_read(block) for block in said.strip().split("\n\n") if block]


def _read(block: str) -> Service:
    told = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
    active = told.get("ActiveState") == "active"
    since = told.get("ActiveEnterTimestampMonotonic", "")
    return Service(
        unit=told.get("Id", "?").removesuffix(".service"),
        installed=told.get("LoadState") == "loaded",
        active=active,
        state=f"{told.get('ActiveState')}, {told.get('SubState')}, {told.get('Result')}",
        restarts=int(told["NRestarts"]) if told.get("NRestarts", "").isdigit() else 0,
        at_boot=told.get("UnitFileState") == "enabled",
        up_for=time.monotonic() - int(since) / 1e6 if active and since.isdigit() else None,
    )
