"""`doctor --before-shipping`: ticks the guide's list "Before Shipping Pi Devices", each box with what was seen.

Run by root, who looks at nothing: what doctor and status say is asked of the installed command, which
gives root's rights up, and only the rehearsal of being offline needs root, for stopping a service.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from pi_auto.client.appliance import machine
from pi_auto.client.appliance.errors import SetupFailed
from pi_auto.client.appliance.rehearsal import COMMAND, Rehearsal, Rehearsed
from pi_auto.client.doctor.findings import Finding, State
from pi_auto.client.doctor.program import CANNOT
from pi_auto.wire.escape import printable

_SCANNER = "Verify barcode scanner compatibility"
_UPDATE = "Test OTA update process"
_OFFLINE = "Validate offline/online scenarios"
_BOXES = {  # the guide's words, and the checks that stand behind each
    "Install Pi Auto Client on all devices": ("installation", "services", "permissions"),
    "Test auto-registration with live server": ("server", "registration"),
    _SCANNER: ("scanner",),
    _UPDATE: ("update",),
    "Confirm IoT Hub connectivity": ("hub",),
}
_ONLY_ASKED = "; only the question was tried: no update was installed"


@dataclass(frozen=True, slots=True)
class Box:
    """A line of the list."""

    name: str
    ticked: bool
    reason: str


def tick(findings: Mapping[str, Finding], status: Mapping[str, Any]) -> list[Box]:
    """All boxes but the last, which takes a rehearsal."""
    boxes = [_box(name, [findings.get(check) for check in checks]) for name, checks in _BOXES.items()]
    return [_with_more(box, status) for box in boxes]


def before_shipping(seconds: float, *, as_json: bool, command: Sequence[str] = COMMAND) -> int:
    """Do it; the exit code: 0 if every box is ticked."""
    if os.geteuid() != 0:
        print(
            "pi-auto-client doctor: for the offline exercise a service is stopped and started, which needs root: "
            "sudo pi-auto-client doctor --before-shipping",
            file=sys.stderr,
        )
        return CANNOT
    say = partial(print, file=sys.stderr if as_json else sys.stdout, flush=True)
    say("Looking at the device ...")
    try:
        boxes = _boxes(command, seconds, say)
    except SetupFailed as error:
        print(f"pi-auto-client doctor: {error}", file=sys.stderr)
        return CANNOT
    if as_json:
        print(json.dumps({"boxes": [asdict(box) for box in boxes]}, indent=2))
    return 0 if all(box.ticked for box in boxes) else 1


def _boxes(command: Sequence[str], seconds: float, say: Callable[[str], None]) -> list[Box]:
    """All boxes, told as they are known."""
    findings = {each.name: each for each in _findings(command)}
    boxes = tick(findings, _asked(command, "status"))
    for box in boxes:
        say(_shown(box))
    scanner = next(box for box in boxes if box.name == _SCANNER)
    if findings.get("scanner") and findings["scanner"].state is State.WRONG:
        rehearsed = Rehearsed(False, f"not tried: {scanner.reason}")
    else:
        rehearsed = Rehearsal(say, command, seconds).run()
    last = Box(_OFFLINE, rehearsed.well, rehearsed.said)
    say(_shown(last))
    return [*boxes, last]


def _box(name: str, behind: Sequence[Finding | None]) -> Box:
    found = [each for each in behind if each]
    faults = [each for each in found if each.state is State.WRONG]
    if len(found) < len(behind):
        return Box(name, False, "not checked")
    if faults:
        return Box(name, False, f"{faults[0].what}; do: {faults[0].remedy}")
    return Box(name, True, "; ".join(each.what for each in found))


def _with_more(box: Box, status: Mapping[str, Any]) -> Box:
    """A scanner must have scanned; of updates no more is claimed than was tried."""
    if box.name == _SCANNER and box.ticked and not status.get("newest_scan"):
        return Box(box.name, False, f"{box.reason}; no scan has been stored yet; do: scan a code")
    if box.name == _UPDATE and box.ticked:
        return Box(box.name, True, box.reason + _ONLY_ASKED)
    return box


def _findings(command: Sequence[str]) -> list[Finding]:
    told = _asked(command, "doctor").get("findings", [])
    return [Finding(each["name"], State(each["state"]), each["what"], each["remedy"]) for each in told]


def _asked(command: Sequence[str], subcommand: str) -> dict[str, Any]:
    said = machine.run(*command, subcommand, "--json", patience=60.0, fine=(0, 1))
    try:
        told = json.loads(said)
    except ValueError:
        raise SetupFailed(f"pi-auto-client {subcommand} --json says nothing that can be read") from None
    return told if isinstance(told, dict) else {}


def _shown(box: Box) -> str:
    return f"[{'x' if box.ticked else ' '}] {box.name}: {printable(box.reason)}"
