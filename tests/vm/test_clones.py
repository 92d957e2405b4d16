"""A Pi of a fleet: it listens to nobody and tells no secret; its power goes; its card is copied. In order."""

from __future__ import annotations

import base64
import io
import json
import os
import random
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from pi_auto.wire.connection_string import ConnectionString
from support.vm.figures import Figures
from support.vm.fleet import Fleet
from support.vm.fleet_pi import FleetPi
from support.vm.image import image
from support.vm.machine import Machine
from support.vm.serial_number import give_serial_number
from support.waiting import wait_until

from .conftest import ROOT

pytestmark = [pytest.mark.usefixtures("others_off"), pytest.mark.unhurried]
TOKENS_LAST = 20  # seconds: a device asks for another one at each start, and every ten to fifteen seconds
_CUTS = {False: 3, True: 20}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PI_AUTO_TEST_TOKEN_LIFE", str(TOKENS_LAST))
        patch.setenv("PYTHONPATH", f"{ROOT / 'tests'}:{os.environ.get('PYTHONPATH', '')}")
        fleet = Fleet(tmp_path_factory.mktemp("clones"), module="support.short_tokens")
    yield fleet
    fleet.stop()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, dist: Path, fleet: Fleet) -> Iterator[FleetPi]:
    """Enrolled, with a scanner."""
    with Machine(image(), tmp_path_factory.mktemp("original")) as machine:
        pi = FleetPi(machine, fleet)
        give_serial_number(machine)
        pi.install(dist)
        pi.plug_in()
        pi.delivers(pi.scan())
        yield pi


@pytest.fixture(scope="module")
def twins(
    tmp_path_factory: pytest.TempPathFactory, original: FleetPi, fleet: Fleet
) -> Iterator[tuple[FleetPi, FleetPi]]:
    """Two Pis that run at the same time, each from a copy of the original's card."""
    if original.machine.is_on:
        original.machine.shut_down()
    with ExitStack() as stack:
        pis = []
        for name in ("left", "right"):
            twin = Machine(image(), tmp_path_factory.mktemp(name), twin_of=original.machine)
            stack.enter_context(twin)
            pis.append(FleetPi(twin, fleet))
        yield pis[0], pis[1]


def device_of(fleet: Fleet) -> str:
    ((device,),) = fleet.rows("SELECT device_id FROM identities")
    return str(device)


def has_hub(pi: FleetPi) -> bool:
    """Whether its agent says that it is connected."""
    return bool((pi.status().get("hub_link") or {}).get("ok"))


def is_heard(pi: FleetPi, fleet: Fleet) -> None:
    """Wait until the boot that it is in has signed a request."""
    boot = pi.boot()
    wait_until(lambda: boot in fleet.boots(), 180 * pi.machine.slow, "the fleet hears of this boot")


def test_nothing_of_ours_listens(original: FleetPi) -> None:
    sockets = original.machine.run("sudo ss -Hltunp").splitlines()
    assert sockets  # of ssh, of the network's own services
    assert [line for line in sockets if "sshd" not in line and "systemd" not in line] == []


def test_no_secret_of_the_fleet_is_in_its_journal_its_logs_or_its_bundle(original: FleetPi, fleet: Fleet) -> None:
    agent = "/var/lib/pi-auto-client/agent"
    given = json.loads(original.machine.run(f"sudo cat {agent}/registration.json"))["answer"]
    pem = original.machine.run(f"sudo cat {agent}/device_key.pem").splitlines()
    secrets = [
        *(line for line in pem if "-----" not in line), given["api_token"],
        ConnectionString.parse(given["connection_string"]).key, json.loads(fleet.card.read_text())["batch_token"],
    ]  # fmt: skip
    original.machine.run("sudo pi-auto-client doctor --with-barcodes --bundle bundle.zip", check=False)
    octets = base64.b64decode(original.machine.run("base64 bundle.zip"))
    with zipfile.ZipFile(io.BytesIO(octets)) as archive:
        bundle = "\n".join(archive.read(name).decode() for name in archive.namelist())
    written = {
        "the bundle": bundle,
        "the journal": original.machine.run("sudo journalctl --no-pager --all --output=export"),
        "the logs": original.machine.run("sudo find /var/log -type f -exec cat {} +"),
        "the server's log": fleet.log.read_text(),
    }
    assert "registered as pi-" in written["the journal"]
    assert [where for where, text in written.items() if any(secret in text for secret in secrets)] == []


def test_power_cuts_are_no_alarm(
    original: FleetPi, fleet: Fleet, figures: Figures, chance: random.Random, *, long: bool
) -> None:
    for _ in range(_CUTS[long]):
        is_heard(original, fleet)
        time.sleep(chance.uniform(0, TOKENS_LAST))  # the moment of the cut
        original.machine.pull_the_plug()
        original.machine.power_on()
    is_heard(original, fleet)
    original.delivers(*original.stored(), original.scan())
    assert fleet.alarms() == []
    assert fleet.ask("enrolment", "clones").strip() == "no key is had by two devices"
    figures.add("power cuts of one device that were taken for a clone", 0, f"of {_CUTS[long]}", "0")


def test_a_copied_card_in_two_pis_is_noticed(
    twins: tuple[FleetPi, FleetPi], fleet: Fleet, figures: Figures
) -> None:
    began, device = time.monotonic(), device_of(fleet)
    assert twins[0].boot() != twins[1].boot()
    wait_until(lambda: device in fleet.ask("enrolment", "clones"), 300, "the operator is told of two devices")
    figures.add(
        f"two Pis of one card noticed, tokens lasting {TOKENS_LAST} s, after", time.monotonic() - began, "s"
    )
    assert len(fleet.alarms()) == 1
    trail = [json.loads(line) for line in fleet.ask("audit", "--json", "--device", device).splitlines()]
    assert "clone" in {entry.get("action") for entry in trail}


def test_both_lose_commands(twins: tuple[FleetPi, FleetPi], fleet: Fleet) -> None:
    device = device_of(fleet)
    wait_until(lambda: "told everything" in fleet.ask("enrolment", "hub"), 60, "the hub is told")
    code, said = fleet.try_to("device", "set_log_level", "--level", "INFO", device)
    assert code == 1
    assert "two devices speak with the key" in said
    wait_until(lambda: not any(has_hub(pi) for pi in twins), 180, "both have the hub no more")


def test_what_both_scan_is_booked_and_marked(twins: tuple[FleetPi, FleetPi], fleet: Fleet) -> None:
    codes = [pi.scan() for _ in range(3) for pi in twins]
    for pi in twins:
        pi.delivers(*pi.stored(), within=240)
    token = fleet.ask("operator", "token-create", "test", "--scopes", "read").strip()
    marked = {scan["text"]: scan["cloned"] for scan in fleet.get("/api/scans?limit=10000", token)["scans"]}
    assert {code: marked[code] for code in codes} == dict.fromkeys(codes, True)


def test_once_it_is_settled_and_one_is_off_the_other_has_commands_again(
    twins: tuple[FleetPi, FleetPi], fleet: Fleet
) -> None:
    left, right = twins
    right.machine.pull_the_plug()
    device = device_of(fleet)
    assert fleet.ask("enrolment", "settle", device).strip() == "done"
    wait_until(partial(has_hub, left), 300, "it has the hub again")
    command = ("device", "set_log_level", "--level", "INFO", device)
    wait_until(lambda: fleet.try_to(*command)[0] == 0, 120, "it can be told what to do")
    left.delivers(left.scan())
    assert len(fleet.alarms()) == 1


def test_a_card_in_a_machine_with_another_serial_waits_for_an_operator(
    tmp_path: Path, original: FleetPi, twins: tuple[FleetPi, FleetPi], fleet: Fleet
) -> None:
    known = fleet.alarms()
    for pi in twins:
        pi.machine.pull_the_plug()
    with Machine(image(), tmp_path / "other", base=original.machine.disk) as machine:
        wait_until(
            lambda: "no device waits" not in fleet.ask("enrolment", "pending"), 240, "the operator is told of it"
        )
        assert machine.boot_id() not in fleet.boots()
    assert fleet.alarms() == known
