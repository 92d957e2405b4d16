"""Whether a scanner is open; if not, whether one is plugged in that cannot be read, or is set to another mode."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pi_auto.client.doctor.findings import Verdict, ok, warn, wrong
from pi_auto.client.doctor.patient import Patient
from pi_auto.client.status.devices import Devices, described, remedy

_MAKERS = {  # vendor ids of scanner makers, as in udev's rules: hints only, for ids are cloned
    "05e0": "Zebra/Symbol", "05f9": "Datalogic", "0c2e": "Honeywell/Metrologic", "0581": "Tera", "065a": "Opticon",
    "1eab": "Newland", "11fa": "Unitech", "24ea": "Meva",
}  # fmt: skip
_KEYBOARD = ("03", "01", "01")  # class HID, subclass boot, protocol keyboard


@dataclass(frozen=True, slots=True)
class Facts:
    """`tells` is false where capture tells nothing, or nothing yet.

    Devices by their standing, troubles by path, and devices of scanner makers that are no keyboards. `mute` are
    scanners that cannot scan as they are set, each with what to do; `unknown` are serial devices left alone.
    """

    tells: bool
    scanners: tuple[str, ...] = ()
    unjudged: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()
    troubles: dict[str, str] = field(default_factory=dict)
    in_another_mode: tuple[str, ...] = ()
    mute: dict[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Read what capture tells, and which scanners USB shows."""
    told = Devices.told_in(patient.capture_tells())
    usb = tuple(_in_another_mode(patient.at("/sys/bus/usb/devices")))
    if told.scanners is None:
        return Facts(tells=False, in_another_mode=usb)
    scanners, unjudged, persons = (
        tuple(described(each) for each in _of(told, standing)) for standing in ("scanner", "unjudged", "person")
    )
    mute = {f"{described(each)} {each.get('said', '')}": each.get("do", "") for each in _of(told, "mute")}
    unknown = tuple(described(each) for each in _of(told, "unknown"))
    return Facts(True, scanners, unjudged, persons, told.troubles, usb, mute, unknown)


def _of(told: Devices, standing: str) -> list[dict[str, str]]:
    return [each for each in told.scanners or () if each["standing"] == standing]


def judge(facts: Facts) -> Verdict:
    """What that means."""
    if not facts.tells:
        return wrong(
            "the service that reads scanners tells nothing",
            "see the line about the services: sudo systemctl start pi-auto-capture",
        )
    troubles = "; ".join([*(f"{path} {trouble}" for path, trouble in facts.troubles.items()), *facts.mute])
    if facts.scanners and not troubles:
        return ok(f"open: {', '.join(facts.scanners)}")
    if facts.scanners:
        return warn(f"open: {', '.join(facts.scanners)}; but {troubles}", _remedy(facts))
    return _without_one(facts, troubles)


def _without_one(facts: Facts, troubles: str) -> Verdict:
    if facts.unjudged:
        return warn(
            f"open, but not yet known to be a scanner: {', '.join(facts.unjudged)}",
            "scan any code of six characters or more: its speed tells a scanner from a person's keyboard",
        )
    if troubles:
        return wrong(f"plugged in, but cannot be read: {troubles}", _remedy(facts))
    if facts.in_another_mode:
        return wrong(
            f"plugged in, but in a mode that is not understood: {', '.join(facts.in_another_mode)}",
            "scan the set-up code for USB keyboard (HID) out of its manual",
        )
    if facts.unknown:
        return wrong(
            f"only what may be anything is plugged in: {', '.join(facts.unknown)}",
            "if one of them is a scanner: sudo pi-auto-client configure --scanner DEVICE",
        )
    if facts.persons:
        return wrong(
            f"only a person's keyboard is plugged in: {', '.join(facts.persons)}",
            "plug in a scanner; if this is one, plug it in again and scan a code before anything is typed",
        )
    return wrong(
        "no scanner is plugged in", "plug one in, at another port or with another cable; then look at: lsusb"
    )


def _remedy(facts: Facts) -> str:
    return "; ".join([*(remedy(path, trouble) for path, trouble in facts.troubles.items()), *facts.mute.values()])


def _in_another_mode(devices: Path) -> list[str]:
    found = []
    for device in sorted(devices.glob("*")):
        vendor = _read(device / "idVendor")
        if vendor in _MAKERS and not _is_keyboard(device):
            name = _read(device / "product") or "a device"
            found.append(f"{name} of {_MAKERS[vendor]} ({vendor}:{_read(device / 'idProduct')})")
    return found


def _is_keyboard(device: Path) -> bool:
    kinds = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
    return any(
        tuple(_read(interface / kind) for kind in kinds) == _KEYBOARD
        for interface in device.glob(f"{device.name}:*")
    )


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:  # not every device has every file
        return ""
