"""A machine with an old client becomes one of the fleet by the old client's own update. In order.

The old client is ours, written from the contract with Microsoft's SDK (tests/conformance/programs/old_client.py).
It is installed as the contract says: as root, under /opt, with settings in /etc, by a unit named as ours is.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.old_client import OldClient
from support.sdk import MISSING, PYTHON, READY
from support.vm.appliance import AGENT, CAPTURE
from support.vm.figures import Figures
from support.vm.fleet import Fleet
from support.vm.fleet_pi import FleetPi
from support.vm.image import image
from support.vm.machine import HOST, Machine
from support.waiting import wait_until

from .conftest import ROOT

pytestmark = [
    pytest.mark.usefixtures("others_off"),
    pytest.mark.unhurried,
    pytest.mark.skipif(not READY, reason=MISSING),
]
HUB = "hub.lan"  # on the machine itself, whose port 8883, which the SDK wants, leads to that of this test's hub
ID, CODE = "pi-1a2b3c4d", "4006381333931"
PLACE, SETTINGS, LINE = "/opt/pi-auto-client/pi_auto_client.py", "/etc/pi_auto_client.json", "/run/old-scanner"
_SDK = (
    "azure", "certifi", "charset_normalizer", "deprecation.py", "idna", "janus", "packaging", "paho", "requests",
    "requests_unixsocket", "socks.py", "typing_extensions.py", "urllib3",
)  # fmt: skip
_UNIT = f"""[Unit]
Description=The old client
After=network-online.target
[Service]
User=root
ExecStartPre=/bin/sh -c 'test -p {LINE} || mkfifo {LINE}'
ExecStart=/bin/sh -c 'exec /usr/bin/python3 {PLACE} / <> {LINE}'
Restart=always
RestartSec=2
[Install]
WantedBy=multi-user.target
"""
# docs/legacy.md says so of the certificate.
_INSTALL = f"""
set -e
echo 127.0.0.1 {HUB} | sudo tee -a /etc/hosts
sudo systemd-run --quiet --unit=rig-hub systemd-socket-activate --listen=127.0.0.1:8883 \\
    /usr/lib/systemd/systemd-socket-proxyd {HOST}:$HUB_PORT
sudo tar -xzf sdk.tar.gz -C /usr/lib/python3/dist-packages
sudo cp fleet.crt /usr/local/share/ca-certificates/
sudo update-ca-certificates
sudo install -D -m 755 old_client.py {PLACE}
sudo install -m 644 pi_auto_client.json {SETTINGS}
sudo install -m 644 pi-auto-client.service /etc/systemd/system/
sudo systemctl daemon-reload
sudo systemctl enable --now pi-auto-client
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """With a port without TLS, and a name by which old clients dial the hub."""
    fleet = Fleet(tmp_path_factory.mktemp("fleet"), http="127.0.0.1:0", names=(HUB, HOST))
    fleet.ask("legacy", "on", "--network", "127.0.0.0/24", "--days", "30")  # whom the emulator speaks for
    yield fleet
    fleet.stop()


@pytest.fixture(scope="module")
def pi(tmp_path_factory: pytest.TempPathFactory, fleet: Fleet) -> Iterator[FleetPi]:
    """A machine with the old client."""
    folder = tmp_path_factory.mktemp("old")
    packages = Path(PYTHON).parent.parent / "lib"
    (place,) = packages.glob("python3*/site-packages")
    subprocess.run(["tar", "-czf", str(folder / "sdk.tar.gz"), "-C", str(place), *_SDK], check=True)
    port = fleet.bound["http"].rpartition(":")[2]
    (folder / "pi_auto_client.json").write_text(json.dumps({
        "device_id": ID, "server_url": f"http://{HOST}:{port}", "update_interval": 3600, "heartbeat_interval": 30,
        "registration_retry_interval": 5, "app_version": "1.0.0",
    }))  # fmt: skip
    (folder / "pi-auto-client.service").write_text(_UNIT)
    (folder / "fleet.crt").write_text(json.loads(fleet.card.read_text())["ca"])
    with Machine(image(), folder / "machine") as machine:
        machine.copy_in(*(path for path in folder.iterdir() if path.is_file()))
        machine.copy_in(ROOT / "tests/conformance/programs/old_client.py")
        hub = fleet.bound["hub-mqtt"].rpartition(":")[2]
        machine.run(f"HUB_PORT={hub}\n{_INSTALL}", timeout=900 * machine.slow)
        yield FleetPi(machine, fleet)


def say(pi: FleetPi, line: str, mark: int, told: str) -> str:
    """What the old client tells of it."""
    pi.machine.run(f"echo {line} | sudo tee {LINE}")
    return pi.machine.journal.wait_for(f'"told": "{told}"', mark, unit=AGENT, timeout=300 * pi.machine.slow).text


def test_the_old_client_is_served_once_an_operator_has_said_so(pi: FleetPi, fleet: Fleet) -> None:
    pi.machine.journal.wait_for("waits for an operator", unit=AGENT, timeout=300 * pi.machine.slow)
    fleet.ask("legacy", "approve", ID)
    pi.machine.journal.wait_for('"told": "connected"', unit=AGENT, timeout=300 * pi.machine.slow)
    say(pi, CODE, pi.machine.journal.mark(), "sent")
    wait_until(lambda: fleet.rows("SELECT 1 FROM scans WHERE hub_at IS NOT NULL AND legacy"), 120, "both ways")
    assert fleet.booked() == [CODE]


def test_its_own_update_makes_a_new_client_of_it(pi: FleetPi, fleet: Fleet, dist: Path, figures: Figures) -> None:
    files = ("--client", str(dist / "pi_auto_client.py"), "--installer", str(dist / "install_pi_client.sh"))
    fleet.ask("legacy", "package", *files)
    fleet.ask("legacy", "migrate", ID)
    mark = pi.machine.journal.mark()
    say(pi, "CHECK", mark, "updated")
    offered = pi.machine.journal.entries[-1].at
    wait_until(lambda: "update success" in fleet.ask("legacy", "list"), 900 * pi.machine.slow, "it says success")
    figures.add("an old client became a new one within", pi.machine.journal.entries[-1].at - offered, "s")
    running = pi.machine.run(f"systemctl is-active {AGENT} {CAPTURE}", check=False).split()
    assert running == ["active", "active"]


def test_nothing_of_the_old_client_is_left(pi: FleetPi) -> None:
    code, said = pi.machine.status_of(f"sudo ls {PLACE} /var/lib/pi-auto-migration")
    assert code != 0
    assert said.count("No such file or directory") == 2, said
    settings = pi.machine.run(f"sudo cat {SETTINGS}")
    assert "SharedAccessKey" not in settings
    assert json.loads(settings)["device_id"] == ID
    assert LINE not in pi.machine.run(f"systemctl cat {AGENT}")


def test_it_is_a_device_with_a_key_that_an_operator_lets_in(pi: FleetPi, fleet: Fleet) -> None:
    pending = wait_until(
        lambda: told if ID in (told := fleet.ask("enrolment", "pending")) else "", 300, "it asks to be enrolled"
    )
    assert fleet.rows("SELECT 1 FROM identities") == []
    remedy = wait_until(lambda: (pi.status().get("enrolment") or {}).get("remedy"), 300, "it says what to do")
    assert remedy.split()[-1][:16] in pending
    pi.plug_in()
    code = pi.scan()
    fleet.ask(*remedy.removeprefix("on the server: pi-auto-server ").split())
    pi.delivers(code, pi.scan())
    wait_until(
        lambda: fleet.rows("SELECT 1 FROM scans WHERE text = ? AND hub_at IS NOT NULL", code), 120, "the hub"
    )
    assert fleet.rows("SELECT legacy FROM scans WHERE text = ?", code) == [(0,)]


def test_from_then_on_old_calls_under_its_id_are_refused(fleet: Fleet) -> None:
    host, _, port = fleet.bound["http"].rpartition(":")
    stranger = OldClient((host, int(port)), ID)
    assert stranger.register().status == 403
    assert stranger.scan("forged").status == 403
    assert "forged" not in fleet.booked()


def test_it_comes_back_after_a_power_cut(pi: FleetPi) -> None:
    pi.machine.pull_the_plug()
    pi.machine.power_on()
    pi.wait_for_agent()
    pi.delivers(pi.scan())
