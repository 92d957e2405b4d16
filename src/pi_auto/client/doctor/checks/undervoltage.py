"""Whether the power supply is strong enough: too little voltage costs SD cards, USB scanners and whole boots."""

from __future__ import annotations

from dataclasses import dataclass

from pi_auto.client.agent.health.board import alarm_of_supply
from pi_auto.client.doctor.findings import Verdict, ok, warn, wrong
from pi_auto.client.doctor.patient import Patient
from pi_auto.client.firmware import SINCE_BOOT, UNDER_VOLTAGE, is_set, throttled

_REMEDY = "use the power supply made for this Raspberry Pi; for a scanner that takes much, a USB hub with power"


@dataclass(frozen=True, slots=True)
class Facts:
    """`now` and `since_boot`: whether the voltage is, or was, too low; None where nothing measures it."""

    now: bool | None = None
    since_boot: bool | None = None


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Read the kernel's alarm and the firmware's bits; a machine may have either."""
    alarm, bits = alarm_of_supply(patient.at("/sys/class/hwmon")), throttled(patient.root)
    if alarm is None and bits is None:
        return Facts()
    before = None if bits is None else is_set(bits, UNDER_VOLTAGE + SINCE_BOOT)
    return Facts(bool(alarm) or is_set(bits, UNDER_VOLTAGE), before)


def judge(facts: Facts) -> Verdict:
    """What that means."""
    if facts.now is None:
        return ok("not measured: this is no Raspberry Pi")
    if facts.now:
        return wrong("the voltage is too low at this moment", _REMEDY)
    if facts.since_boot:
        return warn("the voltage was too low since the start of the machine", _REMEDY)
    return ok("the voltage is right" + ("" if facts.since_boot is None else ", and was since the start"))
