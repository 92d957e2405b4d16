"""Whether the hardware watchdog is armed, which reboots a machine whose kernel hangs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pi_auto.client.doctor.findings import Verdict, ok, warn
from pi_auto.client.doctor.patient import Patient


@dataclass(frozen=True, slots=True)
class Watchdog:
    """One watchdog; `armed` is None where the kernel does not tell."""

    name: str
    armed: bool | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All of them."""

    watchdogs: tuple[Watchdog, ...] = ()


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Read what the kernel shows."""
    return Facts(tuple(_read(folder) for folder in sorted(patient.at("/sys/class/watchdog").glob("watchdog*"))))


def judge(facts: Facts) -> Verdict:
    """What that means: one that is armed is enough."""
    if not facts.watchdogs:
        return ok("this machine has no hardware watchdog")
    armed = [each.name for each in facts.watchdogs if each.armed]
    if armed:
        return ok(f"armed: {', '.join(armed)}")
    names = ", ".join(each.name for each in facts.watchdogs)
    unknown = any(each.armed is None for each in facts.watchdogs)
    return warn(
        f"{names}: {'the kernel does not tell whether it is armed' if unknown else 'not armed'}; "
        "a machine that hangs would not start again by itself",
        "sudo systemctl daemon-reexec; then look at: systemctl show --property=RuntimeWatchdogUSec",
    )


def _read(folder: Path) -> Watchdog:
    def line(name: str) -> str:
        try:
            return (folder / name).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""

    state = line("state")
    return Watchdog(line("identity") or folder.name, state == "active" if state else None)
