"""Wi-Fi by scanning, by the kernel's own radios, hostapd, and NetworkManager as Debian has it. In order."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_auto.client.wifi.outcomes import SENTENCES, Outcome
from support.vm.air import PACKAGES, TRAFFIC, Air, Network
from support.vm.appliance import CAPTURE
from support.vm.figures import Figures
from support.vm.fleet import Fleet
from support.vm.fleet_pi import FleetPi
from support.vm.image import image
from support.vm.machine import Machine
from support.waiting import wait_until

pytestmark = [pytest.mark.usefixtures("others_off"), pytest.mark.unhurried]
SHOP = Network("shop", "canary-Pa55-shop")
ESCAPED = Network('caf;e: "2"', 'canary,"Pa55;w:', hidden=True)
OPEN = Network("guests")
WRONG = "canary-Wr0ng"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Whose card lets nobody in without an operator."""
    fleet = Fleet(tmp_path_factory.mktemp("fleet"), most=0)
    yield fleet
    fleet.stop()


@pytest.fixture(scope="module")
def pi(tmp_path_factory: pytest.TempPathFactory, dist: Path, fleet: Fleet) -> Iterator[FleetPi]:
    """Installed and not enrolled, with a scanner, two radios and no cable."""
    with Machine(image(more=PACKAGES), tmp_path_factory.mktemp("wifi")) as machine:
        pi = FleetPi(machine, fleet)
        pi.install(dist)
        Air(machine).set_up()
        machine.run("sudo systemctl restart pi-auto-client")
        pi.plug_in()
        pi.scan()
        yield pi


@pytest.fixture(scope="module")
def air(pi: FleetPi) -> Air:
    return Air(pi.machine)


def follows(pi: FleetPi, code: str, within: float = 300.0) -> str:
    """Scan a Wi-Fi code; what the Pi says came of it."""
    said = "a Wi-Fi code was scanned: "
    for _ in range(4):
        mark = pi.machine.journal.mark()
        pi.machine.type(code)

        def outcome(mark: int = mark) -> str:
            told = [
                entry.text.partition(said)[2] for entry in pi.machine.journal.since(mark, unit=CAPTURE, text=said)
            ]
            return next((each for each in told if each != SENTENCES[Outcome.TRYING]), "")

        told = wait_until(outcome, within * pi.machine.slow, "the code to be followed or not")
        if told != SENTENCES[Outcome.UNREADABLE]:  # the emulator has lost a key of it
            return told
    raise AssertionError("four codes in a row came out damaged; the emulator is too slow to scan with")


def test_a_wrong_password_is_undone(pi: FleetPi, air: Air) -> None:
    air.has(SHOP)
    assert follows(pi, SHOP.code(WRONG)) == SENTENCES[Outcome.WRONG_PASSWORD]
    assert air.profiles() == []


def test_a_network_without_our_server_is_undone(pi: FleetPi, air: Air) -> None:
    air.leads_on(on=False)
    assert follows(pi, SHOP.code()) == SENTENCES[Outcome.NO_SERVER]
    assert air.profiles() == []
    air.leads_on(on=True)


def test_an_open_one_is_joined_before_enrolment(pi: FleetPi, air: Air, fleet: Fleet) -> None:
    air.has(OPEN)
    assert follows(pi, OPEN.code()) == SENTENCES[Outcome.JOINED]
    assert air.profiles() == ["guests (scanned)"]
    wait_until(
        lambda: "no device waits" not in fleet.ask("enrolment", "pending"),
        300,
        "the operator is told of the device",
    )
    pi.machine.run("sudo pi-auto-client wifi --forget")
    assert air.profiles() == []


def test_a_hidden_one_with_signs_in_name_and_password_is_joined_and_kept(
    pi: FleetPi, air: Air, figures: Figures
) -> None:
    air.has(ESCAPED)
    before = pi.machine.journal.entries[-1].at
    assert follows(pi, ESCAPED.code()) == SENTENCES[Outcome.JOINED]
    figures.add(
        "a scanned Wi-Fi is joined and the server proven within", pi.machine.journal.entries[-1].at - before, "s"
    )
    assert len(air.profiles()) == 1


def test_scans_flow_through_it_once_the_device_is_enrolled(pi: FleetPi, fleet: Fleet) -> None:
    remedy = wait_until(lambda: (pi.status().get("enrolment") or {}).get("remedy"), 300, "it says what to do")
    fleet.ask(*remedy.removeprefix("on the server: pi-auto-server ").split())
    pi.delivers(*pi.stored(), pi.scan())


def test_an_open_one_is_not_joined_any_more(pi: FleetPi, air: Air) -> None:
    air.has(OPEN)
    air.is_left()
    assert follows(pi, OPEN.code()) == SENTENCES[Outcome.OPEN]


def test_the_kept_one_is_taken_again_when_it_is_back(pi: FleetPi, air: Air) -> None:
    air.has(ESCAPED)
    pi.delivers(pi.scan(), within=300)


def test_no_password_is_in_a_log_the_queue_the_bundle_or_the_traffic(pi: FleetPi, fleet: Fleet) -> None:
    words = [SHOP.password, ESCAPED.password, WRONG]
    held = pi.machine.folder / "words"
    held.write_text("".join(f"{word}\n" for word in words))
    pi.machine.copy_in(held)
    pi.machine.run("sudo pi-auto-client doctor --with-barcodes --bundle bundle.zip", check=False)
    archive = zipfile.ZipFile(io.BytesIO(base64.b64decode(pi.machine.run("base64 bundle.zip"))))
    bundle = b"\n".join(archive.read(name) for name in archive.namelist())
    places = f"/var/log /var/lib/pi-auto-client /etc/pi_auto_client.json {TRAFFIC} /run/pi-auto-wifi"
    assert pi.machine.run(f"sudo grep -rlaF -f words {places}", check=False) == ""
    assert pi.machine.run("sudo journalctl --no-pager --all | grep -aF -f words", check=False) == ""
    ours = pi.machine.run("sudo journalctl --no-pager --all --unit='pi-auto-*'")
    assert SENTENCES[Outcome.JOINED] in ours
    assert ESCAPED.name not in ours  # NetworkManager writes names into the system's journal, as for every network
    words.append(ESCAPED.name)
    assert pi.machine.run(f"sudo grep -c {fleet.port} {TRAFFIC}; sudo stat -c %s {TRAFFIC}", check=False)
    files = [path for path in fleet.data.rglob("*") if path.is_file()]
    told = {"the bundle": bundle, "the server's log": fleet.log.read_bytes()}
    told |= {str(path): path.read_bytes() for path in files}
    assert [where for where, octets in told.items() if any(word.encode() in octets for word in words)] == []
