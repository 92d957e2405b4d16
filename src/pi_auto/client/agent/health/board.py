"""The board: how warm its processor is, and whether its power supply is too weak. None where it does not tell."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pi_auto.client.firmware import SINCE_BOOT, UNDER_VOLTAGE, is_set, throttled

_THERMAL = Path("/sys/class/thermal")
_HWMON = Path("/sys/class/hwmon")
_PROCESSORS = ("cpu-thermal", "x86_pkg_temp", "cpu_thermal")  # what a zone of a processor calls itself
_SANE = (-60.0, 200.0)  # degrees Celsius; a sensor that is broken tells anything


def temperature(folder: Path = _THERMAL) -> float | None:
    """Of the processor in degrees Celsius, to a tenth; of the first zone where none says that it is one."""
    zones = sorted(folder.glob("thermal_zone*"))
    zones.sort(key=lambda zone: _text(zone / "type") not in _PROCESSORS)
    readings = (celsius(zone / "temp") for zone in zones)
    return next((reading for reading in readings if reading is not None), None)


def undervoltage(folder: Path = _HWMON, root: Path = Path("/")) -> dict[str, bool] | None:
    """Whether the supply of a Raspberry Pi is too weak: `now`, and at some time `since_boot`.

    The firmware remembers the latter. The kernel's alarm tells of the last seconds alone: where there is nothing
    else, `since_boot` is told only when it is so now, since nobody knows that it was not.
    """
    alarm, bits = alarm_of_supply(folder), _bits(root)
    if alarm is None and bits is None:
        return None
    now = bool(alarm) or is_set(bits, UNDER_VOLTAGE)
    if now or bits is not None:
        return {"now": now, "since_boot": now or is_set(bits, UNDER_VOLTAGE + SINCE_BOOT)}
    return {"now": False}


def alarm_of_supply(folder: Path = _HWMON) -> bool | None:
    """Whether the kernel's rpi_volt finds the voltage too low now; None where it does not tell."""
    for monitor in sorted(folder.glob("hwmon*")):
        if _text(monitor / "name") == "rpi_volt":
            alarm = _text(monitor / "in0_lcrit_alarm")
            return alarm == "1" if alarm in ("0", "1") else None
    return None


def _bits(root: Path) -> int | None:
    with suppress(OSError, ValueError):
        return throttled(root)
    return None


def celsius(file: Path) -> float | None:
    """What a thermometer of the kernel's tells, to a tenth; None where that is nothing, or nothing that can be."""
    with suppress(ValueError):
        degrees = round(int(_text(file)) / 1000, 1)
        return degrees if _SANE[0] <= degrees <= _SANE[1] else None
    return None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
