"""Whether a release is installed, can run, and is started at boot."""

from __future__ import annotations

from dataclasses import dataclass

from pi_auto.client.appliance import machine
from pi_auto.client.appliance.errors import SetupFailed, TookTooLong
from pi_auto.client.appliance.release import current
from pi_auto.client.doctor.findings import Verdict, ok, warn, wrong
from pi_auto.client.doctor.patient import INSTALLED, Patient
from pi_auto.client.doctor.units import services_of

_PATIENCE = 20.0  # seconds; a Pi Zero loads all of it in five
_REPAIR = "install it again, which keeps scans, identity and settings: sudo ./install_pi_client.sh"


@dataclass(frozen=True, slots=True)
class Facts:
    """`version` of the current release, None where there is none; `trouble` is why it cannot run.

    `tried` is false where that could not be found out in time.
    """

    version: str | None
    trouble: str = ""
    tried: bool = True
    not_at_boot: tuple[str, ...] = ()


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Find the current release and let it load all that the services need."""
    release = current(patient.at(INSTALLED))
    if release is None:
        return Facts(None)
    tried = True
    try:
        version = (release / "app/appliance/version").read_text(errors="replace").strip()
        machine.run("/usr/bin/python3", "-I", str(release / "app"), "self-test", patience=_PATIENCE)
    except TookTooLong:
        tried = False
    except (OSError, SetupFailed) as error:
        return Facts("unknown", str(error))
    return Facts(version, "", tried, tuple(each.unit for each in services_of(patient) if not each.at_boot))


def judge(facts: Facts) -> Verdict:
    """What that means."""
    if facts.version is None:
        return wrong(
            f"nothing is installed in {INSTALLED}", "install it: sudo ./install_pi_client.sh --server URL"
        )
    if facts.trouble:
        return wrong(f"the release that is installed cannot run: {facts.trouble}", _REPAIR)
    if facts.not_at_boot:
        units = " ".join(facts.not_at_boot)
        return wrong(f"not started at boot: {units}", f"sudo systemctl enable --now {units}")
    if not facts.tried:
        return warn(
            f"version {facts.version} did not show within {_PATIENCE:.0f} s that it can run: the machine is busy",
            "see what keeps it busy: top; then run doctor again",
        )
    return ok(f"version {facts.version}, started at boot")
