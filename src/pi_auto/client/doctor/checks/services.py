"""Whether both services run, and whether they stay up."""

from __future__ import annotations

from dataclasses import dataclass, field

from pi_auto.client.appliance import machine
from pi_auto.client.doctor.findings import Verdict, ok, unchecked, warn, wrong
from pi_auto.client.doctor.patient import Patient
from pi_auto.client.doctor.units import Service, services_of

_SETTLED = 600.0  # seconds without a restart


@dataclass(frozen=True, slots=True)
class Facts:
    """The services, and the last words of those that do not run."""

    services: tuple[Service, ...] = ()
    last_words: dict[str, str] = field(default_factory=dict)


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Ask systemd, and the journal for what the silent ones said last."""
    services = tuple(services_of(patient))
    silent = [service.unit for service in services if service.installed and not service.active]
    return Facts(services, {unit: machine.last_words(f"{unit}.service") for unit in silent})


def judge(facts: Facts) -> Verdict:
    """What that means."""
    if not facts.services:
        return unchecked("systemd does not run here", "run it on the device itself, not in a chroot or container")
    for service in facts.services:
        if not service.installed:
            return wrong(f"{service.unit} is not installed", "sudo ./install_pi_client.sh --server URL")
    down = [service for service in facts.services if not service.active]
    if down:
        units = " ".join(service.unit for service in down)
        said = "; ".join(_silent(service, facts.last_words.get(service.unit, "")) for service in down)
        return wrong(
            said, f"sudo systemctl start {units}; then: sudo journalctl -u {' -u '.join(units.split())} -n 50"
        )
    restless = [each for each in facts.services if each.restarts and (each.up_for or 0.0) < _SETTLED]
    if restless:
        said = "; ".join(_restarted(service) for service in restless)
        return warn(said, f"see why: sudo journalctl -u {' -u '.join(each.unit for each in restless)}")
    return ok("both run")


def _silent(service: Service, words: str) -> str:
    return f"{service.unit} does not run ({service.state})" + (f", its last words: {words}" if words else "")


def _restarted(service: Service) -> str:
    ago = f"{service.up_for or 0.0:.0f} s ago"
    return f"{service.unit} runs, but had to be started again {service.restarts} times, the last {ago}"
