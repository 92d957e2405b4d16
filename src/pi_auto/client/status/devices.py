"""`pi-auto-client scanners`: what capture tells of its devices, and what to do about those it cannot open.

Reads capture's bulletin alone: a device that is grabbed shows nothing to anybody else.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from errno import EACCES, EBUSY
from typing import Any

from pi_auto.client.bulletin import Post, posts_in
from pi_auto.client.settings import Settings
from pi_auto.client.status import services
from pi_auto.wire.escape import printable

_FIELDS = ("id", "name", "port", "path", "standing")
_MORE = ("said", "do", "layout", "layout_by", "calibrates")  # what is told of some
_BY = {"learned": "learned", "person": "set here", "fleet": "set by the fleet"}
_STANDINGS = {
    "scanner": "a scanner",
    "unjudged": "not judged yet; scan a code of six characters or more",
    "person": "a person's keyboard, left alone; plugged in again it is judged anew",
    "mute": "a scanner that {said}; {do}",
    "unknown": "a serial device that nothing says to be a scanner, left alone; if it is one: "
    "sudo pi-auto-client scanners --set {id} --kind scanner",
}
_REMEDIES = (
    (os.strerror(EACCES), "unplug it and plug it in again; if it stays, repair: sudo ./install_pi_client.sh"),
    (os.strerror(EBUSY), "another program holds it; sudo fuser -v {path} names it: stop that"),
    ("is not plugged in", "plug it in, or have every scanner used: sudo pi-auto-client configure --scanner auto"),
    ("cannot be used", "have every scanner used: sudo pi-auto-client configure --scanner auto"),
)
_OTHERWISE = "unplug it and plug it in again; what else is known: sudo journalctl -u pi-auto-capture -n 50"


@dataclass(frozen=True, slots=True)
class Devices:
    """What capture tells; `runs` says whether it tells anything, `scanners` are None until it has looked."""

    runs: bool
    scanners: list[dict[str, str]] | None
    troubles: dict[str, str]

    @classmethod
    def told_in(cls, posts: Mapping[str, Post]) -> Devices:
        """Out of what is posted in capture's folder, which may be anything."""
        news = {topic: posts[topic].news for topic in ("scanners", "troubles") if topic in posts}
        scanners, troubles = news.get("scanners"), news.get("troubles")
        devices, said = None, {}
        if isinstance(scanners, list):
            devices = [_device(one) for one in scanners if isinstance(one, dict)]
        if isinstance(troubles, dict):
            said = {str(path): str(what) for path, what in troubles.items()}
        return cls(bool(posts), devices, said)

    def to_json(self) -> dict[str, Any]:
        """As data, each trouble with what to do about it."""
        troubles = [{"path": path, "said": said, "do": remedy(path, said)} for path, said in self.troubles.items()]
        return {"running": self.runs, "scanners": self.scanners or [], "troubles": troubles}


def show(settings: Settings, *, as_json: bool) -> int:
    """Print them; the exit code, 1 where capture does not run or may not be asked."""
    try:
        devices = Devices.told_in(posts_in(settings.capture_folder))
    except PermissionError:
        return refuse(settings)
    if as_json:
        print(json.dumps(devices.to_json(), indent=2))
    elif devices.runs:
        print("\n".join(printable(line) for line in _lines(devices)))
    else:
        print(f"pi-auto-client scanners: {not_running(settings)}", file=sys.stderr)
    return 0 if devices.runs else 1


def refuse(settings: Settings) -> int:
    """Say that this user may not look; the exit code."""
    print(f"pi-auto-client scanners: {settings.capture_folder} is not for this user; use sudo", file=sys.stderr)
    return 1


def not_running(settings: Settings) -> str:
    """What to say where capture does not run."""
    start = services.start_command(settings, services.CAPTURE)
    return f"capture does not run, so nothing that is scanned is read; start it: {start}"


def described(device: dict[str, str]) -> str:
    """A device in a line; not escaped."""
    port = f" at {device['port']}" if device["port"] not in ("", device["path"]) else ""
    return f"{device['name'] or device['id']}{port} ({device['path']})"


def standing(device: dict[str, str]) -> str:
    """What a device is taken for, in words."""
    words = _STANDINGS.get(device["standing"])
    said = words.format_map({"said": "", "do": "", **device}) if words else device["standing"]
    return said + _layout(device)


def _layout(device: dict[str, str]) -> str:
    by = _BY.get(device.get("layout_by", ""))
    layout = f", keyboard layout {device['layout']} ({by})" if by else ""
    return layout + (", may read the calibration code" if device.get("calibrates") else "")


def remedy(path: str, said: str) -> str:
    """What to do about a device that could not be opened."""
    return next((do for sign, do in _REMEDIES if sign in said), _OTHERWISE).format(path=path)


def _device(told: dict[str, Any]) -> dict[str, str]:
    more = {name: str(told[name]) for name in _MORE if name in told}
    return {name: str(told.get(name, "")) for name in _FIELDS} | more


def _lines(devices: Devices) -> list[str]:
    known = [f"{described(one)}: {standing(one)}; id {one['id']}" for one in devices.scanners or ()]
    troubles = [f"{path} {said}; {remedy(path, said)}" for path, said in devices.troubles.items()]
    return [*known, *troubles] or ["no scanner is plugged in; one that is will be opened within seconds"]
