"""What goes into the bundle: one function a member. What is not named here stays on the device.

Each returns text or a JSON value, as yet uncleaned, bounded in size, and may fail for itself.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sqlite3
import ssl
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pi_auto.client.appliance import machine
from pi_auto.client.bulletin import FILE
from pi_auto.client.doctor.findings import Finding
from pi_auto.client.doctor.patient import INSTALLED, Patient
from pi_auto.client.proxy import Proxy
from pi_auto.client.settings import Settings
from pi_auto.client.status.facts import status_of
from pi_auto.version import __version__

_MOST_LOG = 512 * 1024  # bytes
_LINES, _KERNEL_LINES = "2000", "5000"
_MOST_FILES = 500
_PATIENCE = 15.0  # seconds for one call of a tool
_KERNEL = re.compile(
    r"usb|hid|input|volt|throttl|thermal|hwmon|mmc|ext4|i/o error|out of memory|watchdog|wlan|wifi|brcm|rfkill",
    re.IGNORECASE,
)
_UNIT_FACTS = (
    "Id,LoadState,ActiveState,SubState,Result,UnitFileState,NRestarts,ExecMainStartTimestamp,ExecMainExitTimestamp,"
    "ExecMainStatus,ActiveEnterTimestamp,MemoryCurrent,CPUUsageNSec,TasksCurrent,WatchdogTimestamp,DropInPaths"
)


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the bundle by its name, and what makes it."""

    name: str
    make: Callable[[], Any]


def members(patient: Patient, findings: list[Finding]) -> tuple[Member, ...]:
    """All of them."""
    return (
        Member("doctor.json", lambda: [each.to_json() for each in findings]),
        Member("status.json", lambda: status_of(patient.settings, patient.trouble)),
        Member("settings.json", lambda: _settings(patient)),
        Member("versions.json", lambda: _versions(patient)),
        Member("bulletins.json", lambda: _bulletins(patient)),
        Member("units.txt", lambda: _tool("systemctl", "show", f"--property={_UNIT_FACTS}", *machine.UNITS)),
        Member("log.txt", lambda: _tail(patient.at("/var/log/pi_auto_client.log"))),
        Member("journal.txt", _journal),
        Member("kernel.txt", _kernel),
        Member("devices.txt", lambda: "\n".join(_devices(patient))),
        Member("files.txt", lambda: "\n".join(_files(patient))),
    )


def _settings(patient: Patient) -> dict[str, Any]:
    """The settings there are, by their known names; what else stands in the file is not taken along."""
    held = patient.settings
    return {field.name: _plain(getattr(held, field.name)) for field in fields(Settings)} | {
        "file": str(patient.file),
        "trouble": patient.trouble,
    }


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path | Proxy) else value


def _versions(patient: Patient) -> dict[str, Any]:
    return {
        "client": __version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "openssl": ssl.OPENSSL_VERSION,
        "kernel": platform.release(),
        "machine": platform.machine(),
        "model": _line(patient.at("/proc/device-tree/model")).rstrip("\0"),
        "system": _line(patient.at("/etc/os-release")),
        "releases": [path.name for path in sorted(patient.at(f"{INSTALLED}/releases").glob("*"))],
    }


def _bulletins(patient: Patient) -> dict[str, Any]:
    """What the programs tell, as their files say it, also where they are of another boot."""
    told = {}
    for folder in (patient.settings.agent_folder, patient.settings.capture_folder):
        try:
            told[folder.name] = json.loads(_tail(folder / FILE))
        except (OSError, ValueError) as error:
            told[folder.name] = str(error)
    return told


def _journal() -> str:
    units = [f"--unit={unit}" for unit in (*machine.UNITS, "pi-auto-wifi.service")]
    return _last(_tool("journalctl", "--no-pager", "-o", "short-iso", "-n", _LINES, *units))


def _kernel() -> str:
    said = _tool("journalctl", "--no-pager", "-o", "short-iso", "-k", "-n", _KERNEL_LINES)
    return _last("\n".join(line for line in said.splitlines() if _KERNEL.search(line)))


def _devices(patient: Patient) -> Iterator[str]:
    """Who may read which input device, and what USB shows."""
    for place in ("/dev/input", "/dev/input/by-id"):
        yield from _listed(patient.at(place))
    for name in sorted(patient.at("/sys/class/input").glob("event*/device/name")):
        yield f"{name.parents[1].name}: {_line(name)}"
    for product in sorted(patient.at("/sys/bus/usb/devices").glob("*/idProduct")):
        device = product.parent
        yield f"{device.name}: {_line(device / 'idVendor')}:{_line(product)} {_line(device / 'product')}"


def _files(patient: Patient) -> Iterator[str]:
    """Sizes and rights of what the client keeps, and of its code's top."""
    state = patient.settings.state
    for folder in (state, state / "capture", state / "capture/set-aside", state / "agent"):
        yield from _listed(folder)
    yield from _listed(patient.at(INSTALLED))
    yield from _listed(patient.at("/var/log"), "pi_auto_client*")


def _listed(folder: Path, pattern: str = "*") -> Iterator[str]:
    try:
        paths = sorted(folder.glob(pattern))[:_MOST_FILES]
    except OSError as error:
        yield f"{folder}: {error.strerror}"
        return
    for path in paths:
        status = path.lstat()
        leads = f" -> {path.readlink()}" if stat.S_ISLNK(status.st_mode) else ""
        owner = f"{status.st_uid}:{status.st_gid}"
        yield f"{stat.filemode(status.st_mode)} {owner:<12}{status.st_size:>10} {path}{leads}"


def _tool(*command: str) -> str:
    return machine.run(*command, patience=_PATIENCE)


def _tail(file: Path) -> str:
    """The last part of a file, whole lines."""
    with file.open("rb") as opened:
        size = opened.seek(0, os.SEEK_END)
        opened.seek(max(0, size - _MOST_LOG))
        return _last(opened.read(_MOST_LOG).decode("utf-8", "replace"), cut=size > _MOST_LOG)


def _last(text: str, *, cut: bool = False) -> str:
    """The last part of a text, whole lines; `cut` where it begins within one."""
    if len(text) > _MOST_LOG or cut:
        return text[-_MOST_LOG:].partition("\n")[2]
    return text


def _line(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
    except OSError:
        return ""
