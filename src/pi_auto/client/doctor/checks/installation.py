"""Whether a release is installed, can run, and is started at boot."""

from __future__ import annotations

from dataclasses import dataclass

from pi_auto.client.appliance import machine
from pi_auto.client.appliance.errors import SetupFailed
from pi_auto.client.appliance.release import current
from pi_auto.client.doctor.findings import Verdict, ok, wrong
from pi_auto.client.doctor.patient import INSTALLED, Patient
from pi_auto.client.doctor.units import services_of

_PATIENCE = 15.0  # seconds; a Pi Zero loads all of it in five
_REPAIR = "install it again, which keeps scans, identity and settings: sudo ./install_pi_client.sh"


@dataclass(frozen=True, slots=True)
class Facts:
    """`version` of the current release, None where there is none; `trouble` is why it cannot run."""

    version: str | None
    trouble: str = ""
    not_at_boot: tuple[str, ...] = ()


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Find the current release and let it load all that the services need."""
    release = current(patient.at(INSTALLED))
    if release is None:
        return Facts(None)
    try:
        version = (release / "app/appliance/version").read_text(errors="replace").strip()
        machine.run("/usr/bin/python3", "-I", str(release / "app"), "self-test", patience=_PATIENCE)
    except (OSError, SetupFailed) as error:
        return Facts("unknown", str(error))
    return Facts(version, not_at_boot=tuple(each.unit for each in services_of(patient) if not each.at_boot))


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
    return ok(f"version {facts.version}, started at boot")
