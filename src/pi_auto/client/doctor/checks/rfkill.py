"""Whether Wi-Fi is switched off, by a switch or by software. Raspberry Pi OS does so until told the country."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pi_auto.client.doctor.checks.network import interfaces_of
from pi_auto.client.doctor.findings import Verdict, ok, warn, wrong
from pi_auto.client.doctor.patient import Patient

_UNBLOCK = (
    "sudo rfkill unblock wifi; on Raspberry Pi OS set the country: sudo raspi-config nonint do_wifi_country DE"
)


@dataclass(frozen=True, slots=True)
class Radio:
    """A Wi-Fi radio, and whether software or a switch keeps it off."""

    name: str
    soft: bool = False
    hard: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """The radios; `connected` when there is a network anyway."""

    radios: tuple[Radio, ...] = ()
    connected: bool = False


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Read what the kernel shows of its radios."""
    folders = sorted(patient.at("/sys/class/rfkill").glob("rfkill*"))
    radios = tuple(_radio(folder) for folder in folders if _read(folder / "type") == "wlan")
    return Facts(radios, any(each.up for each in interfaces_of(patient)))


def judge(facts: Facts) -> Verdict:
    """What that means: without another network it is why there is none."""
    off = [each for each in facts.radios if each.soft or each.hard]
    if not facts.radios:
        return ok("this machine has no Wi-Fi")
    if not off:
        return ok("Wi-Fi is switched on")
    how = "by a switch on the machine" if off[0].hard else "by software"
    what = f"Wi-Fi ({', '.join(each.name for each in off)}) is switched off {how}"
    remedy = "turn the switch" if off[0].hard else _UNBLOCK
    return warn(f"{what}; another network is there", remedy) if facts.connected else wrong(what, remedy)


def _radio(folder: Path) -> Radio:
    return Radio(_read(folder / "name"), _read(folder / "soft") == "1", _read(folder / "hard") == "1")


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace").strip()
