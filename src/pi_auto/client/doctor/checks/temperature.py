"""Whether it is too warm: a hot Raspberry Pi slows itself down."""

from __future__ import annotations

from dataclasses import dataclass

from pi_auto.client.agent.health.board import celsius
from pi_auto.client.doctor.findings import Verdict, ok, warn, wrong
from pi_auto.client.doctor.patient import Patient
from pi_auto.client.firmware import SINCE_BOOT, TOO_WARM, is_set, throttled

_HOT, _WARM = 85.0, 80.0  # degrees Celsius: above the first all Pis throttle, from the second on most
_REMEDY = "give it air: out of the sun, off other devices, a case with openings or a heat sink"


@dataclass(frozen=True, slots=True)
class Facts:
    """The warmest place in degrees Celsius, None where nothing measures; whether the firmware slows it, or did."""

    celsius: float | None = None
    slowed: bool = False
    was_slowed: bool = False


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Read the kernel's thermometers and the firmware's bits."""
    bits = throttled(patient.root)
    zones = (celsius(file) for file in patient.at("/sys/class/thermal").glob("thermal_zone*/temp"))
    told = [zone for zone in zones if zone is not None]  # one that is off answers with an error
    return Facts(max(told, default=None), is_set(bits, TOO_WARM), is_set(bits, TOO_WARM + SINCE_BOOT))


def judge(facts: Facts) -> Verdict:
    """What that means."""
    degrees = f"{facts.celsius:.0f} degrees Celsius" if facts.celsius is not None else "unknown"
    if (facts.celsius or 0.0) >= _HOT:
        return wrong(f"too hot: {degrees}", _REMEDY)
    if (facts.celsius or 0.0) >= _WARM or facts.slowed:
        return warn(f"warm: {degrees}; it slows itself down", _REMEDY)
    if facts.was_slowed:
        return warn(f"{degrees} now, but it was too warm since the start of the machine", _REMEDY)
    return ok("not measured: this machine has no thermometer" if facts.celsius is None else degrees)
