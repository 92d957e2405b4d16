"""Releases with a fault each, and one that brings system files of every kind: what they change."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_CLIENT = Path(__file__).parents[3] / "src/pi_auto/client"


@dataclass(frozen=True, slots=True)
class Fault:
    """Which files are others, how the update ends, and words of the reason; whether it is never tried again."""

    changes: dict[str, str]
    reason: str
    end: str = "rolled_back"
    blames: bool = True


def _instead(file: str, text: str) -> dict[str, str]:
    return {f"pi_auto/client/{file}": text}


def _with(file: str, old: str, new: str) -> dict[str, str]:
    """A file of the client as it is, but for some lines."""
    text = (_CLIENT / file).read_text()
    if old not in text:
        raise AssertionError(f"{file} has no {old!r} any more")
    return _instead(file, text.replace(old, new))


_RUN_AGENT, _RUN_CAPTURE = "def run_agent(*_, **__):\n    ", "def run_capture(*_, **__):\n    "
_EATS = "held = []\n    while True:\n        held.append(bytearray(2**24))\n"
_NO_WAY_OUT = """import socket


def _none(*_, **__):
    raise OSError("no way out")


socket.getaddrinfo = _none


"""
_OPENS, _DOES_NOT = "source = opened()", "raise PermissionError(1, 'no key for it')"

FAULTS = {
    "the agent crashes at its start": Fault(
        _instead("agent/program.py", f"{_RUN_AGENT}raise SystemExit('on purpose')\n"), "on purpose"
    ),
    "capture crashes at its start": Fault(
        _instead("capture/program.py", f"{_RUN_CAPTURE}raise SystemExit('no hands')\n"), "no hands"
    ),
    "the agent hangs": Fault(
        _instead("agent/program.py", f"import time\n{_RUN_AGENT}time.sleep(9999)\n"), "does not work"
    ),
    "the agent eats memory": Fault(
        _instead("agent/program.py", f"{_RUN_AGENT}{_EATS}"), "was started again"
    ),
    "no scanner can be opened": Fault(
        _with("capture/lookout.py", _OPENS, _DOES_NOT), "no scanner can be opened"
    ),
    "the server cannot be reached": Fault(
        _with("agent/program.py", "def run_agent(", f"{_NO_WAY_OUT}def run_agent("),
        "was reached within", blames=False,
    ),
    "the self-test fails": Fault(
        _instead("appliance/selftest.py", "def self_test() -> int:\n    return 3\n"), "self-test", "refused"
    ),
}  # fmt: skip

SYSTEM = {
    f"appliance/system/{file}": text
    for file, text in {
        "etc/systemd/system/pi-auto-added.service": (
            "[Service]\nType=oneshot\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
        ),
        "etc/udev/rules.d/99-pi-auto-added.rules": "# added\n",
        "etc/polkit-1/rules.d/99-pi-auto-added.rules": "// added\n",
        "etc/logrotate.d/pi-auto-client": "/var/log/pi_auto_client.log {\n    weekly\n}\n",
        "usr/local/bin/pi-auto-added": "#!/bin/sh\n",
    }.items()
}
