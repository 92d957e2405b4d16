"""What each service may not do, tried from inside its own sandbox: a drop-in tries before the service starts."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from support.vm.appliance import AGENT, CAPTURE, Appliance
from support.vm.figures import Figures

MOST_EXPOSED = 2.0  # of systemd-analyze security
STATE = "/var/lib/pi-auto-client"
_SOCKET = "import socket; socket.socket(socket.{family}, socket.SOCK_{kind})"
_MAY_NOT = {
    CAPTURE: {
        "a TCP socket": _SOCKET.format(family="AF_INET", kind="STREAM"),
        "a UDP socket": _SOCKET.format(family="AF_INET6", kind="DGRAM"),
        "a netlink socket": _SOCKET.format(family="AF_NETLINK", kind="RAW"),
        "the identity": f"open('{STATE}/agent/identity.json')",
        "the connection string": f"open('{STATE}/agent/registration.json')",
        "a list of the agent's folder": f"import os; os.listdir('{STATE}/agent')",
        "its own code": "open('/opt/pi-auto-client/current/app/__main__.py', 'a')",
        "a shadow file": "open('/etc/shadow')",
    },
    AGENT: {
        "its own code": "open('/opt/pi-auto-client/current/app/__main__.py', 'a')",
        "a new file beside its code": "open('/opt/pi-auto-client/current/app/x.py', 'w')",
        "another release": "import os; os.mkdir('/opt/pi-auto-client/releases/9')",
        "an input device": "import glob; open(sorted(glob.glob('/dev/input/event*') or ['/dev/input/event0'])[0])",
        "the spool": f"open('{STATE}/capture/spool.sqlite', 'a')",
        "a file beside the spool": f"open('{STATE}/capture/x', 'w')",
        "its own settings": "open('/etc/pi_auto_client.json', 'a')",
        "a listening port": "import socket; socket.create_server(('127.0.0.1', 8080))",
    },
}
_MAY = {
    CAPTURE: {"the spool's folder": f"open('{STATE}/capture/tried', 'w')"},
    AGENT: {
        "a TCP socket": _SOCKET.format(family="AF_INET", kind="STREAM"),
        "the identity": f"open('{STATE}/agent/identity.json')",
        "the spool, to read": f"open('{STATE}/capture/spool.sqlite')",
    },
}
_TRY = """
for number, deed in enumerate({deeds!r}):
    try:
        exec(deed)
        print("TRIED", number, "done", flush=True)
    except OSError as error:
        print("TRIED", number, error, flush=True)
"""


@contextmanager
def tried(pi: Appliance, unit: str) -> Iterator[dict[str, str]]:
    """What came of every deed, as the unit itself finds out at its start."""
    deeds = {**_MAY_NOT[unit], **_MAY[unit]}
    folder, program = f"/run/systemd/system/{unit}.d", "/usr/local/lib/tried.py"
    write(pi, program, _TRY.format(deeds=list(deeds.values())))
    write(pi, f"{folder}/tried.conf", f"[Service]\nExecStartPre=/usr/bin/python3 -I {program}\n")
    mark = pi.journal.mark()
    try:
        pi.machine.run(f"sudo systemctl daemon-reload && sudo systemctl restart {unit}")
        pi.journal.wait_for(f"TRIED {len(deeds) - 1} ", mark, unit=unit)
        said = [entry.text.split(" ", 2) for entry in pi.journal.since(mark, unit=unit, text="TRIED ")]
        yield {list(deeds)[int(number)]: outcome for _, number, outcome in said}
    finally:
        pi.machine.run(f"sudo rm -rf {folder} {program} {STATE}/capture/tried && sudo systemctl daemon-reload")
        pi.machine.run(f"sudo systemctl restart {unit}")


def write(pi: Appliance, file: str, text: str) -> None:
    folder = file.rpartition("/")[0]
    pi.machine.run(f"sudo mkdir -p {folder} && echo {shlex.quote(text)} | sudo tee {file} >/dev/null")


@pytest.mark.parametrize("unit", [CAPTURE, AGENT])
def test_the_sandbox_holds(pi: Appliance, unit: str) -> None:
    with tried(pi, unit) as came:
        assert {deed for deed in _MAY_NOT[unit] if came[deed] == "done"} == set()
        assert {deed: came[deed] for deed in _MAY[unit] if came[deed] != "done"} == {}
    pi.have_scanner()
    pi.site.wait_for(pi.scan())


@pytest.mark.parametrize("unit", [CAPTURE, AGENT])
def test_its_exposure_is_low(pi: Appliance, figures: Figures, unit: str) -> None:
    last = pi.machine.run(f"systemd-analyze security --no-pager {unit}").splitlines()[-1]
    exposure = float(last.split(":")[1].split()[0])
    figures.add(f"exposure of {unit.removesuffix('.service')}", exposure, "", f"{MOST_EXPOSED:g}")
    assert exposure <= MOST_EXPOSED


@pytest.mark.parametrize(
    ("user", "deed"),
    [
        ("pi-auto", "touch /opt/pi-auto-client/current/x"),
        ("pi-auto", "sh -c 'cat /dev/input/event0'"),
        ("pi-auto", f"sh -c 'echo >> {STATE}/capture/spool.sqlite'"),
        ("pi-auto-capture", f"cat {STATE}/agent/identity.json"),
        ("pi-auto-capture", f"cat {STATE}/agent/registration.json"),
    ],
)
def test_each_user_can_do_only_its_own_outside_of_it_too(pi: Appliance, user: str, deed: str) -> None:
    code, said = pi.machine.status_of(f"sudo -u {user} {deed}")
    assert code != 0
    assert "ermission denied" in said
