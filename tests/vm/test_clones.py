"""An enrolled card that is copied into a second Pi, and one whose power goes twenty times. In order."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from support.vm.figures import Figures
from support.vm.fleet import Fleet
from support.vm.fleet_pi import FleetPi
from support.vm.image import image
from support.vm.machine import Machine
from support.waiting import wait_until

from .conftest import ROOT

pytestmark = [pytest.mark.usefixtures("others_off"), pytest.mark.unhurried]
TOKENS_LAST = 40  # seconds: a device asks for the next one at each start, and twice a minute
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


def test_power_cuts_are_no_alarm(
    original: FleetPi, fleet: Fleet, figures: Figures, chance: random.Random, *, long: bool
) -> None:
    heard = 0
    for _ in range(_CUTS[long]):
        wait_until(lambda: original.boot() in fleet.boots(), 180, "the fleet hears of this boot")
        time.sleep(chance.uniform(0, TOKENS_LAST))  # the moment of the cut
        original.machine.pull_the_plug()
        original.machine.power_on()
        heard += 1
    wait_until(lambda: original.boot() in fleet.boots(), 180, "the fleet hears of the last boot")
    original.delivers(*original.stored(), original.scan())
    assert fleet.alarms() == []
    assert fleet.ask("enrolment", "clones").strip() == "no key is had by two devices"
    figures.add("power cuts of one device that were taken for a clone", 0, f"of {heard}", "0")


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
    code, said = fleet.try_to("device", "identify", device)
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
    wait_until(lambda: fleet.try_to("device", "identify", device)[0] == 0, 120, "it can be told to blink")
    left.delivers(left.scan())
    assert len(fleet.alarms()) == 1


def test_a_card_in_a_machine_with_another_serial_waits_for_an_operator(
    tmp_path: Path, original: FleetPi, twins: tuple[FleetPi, FleetPi], fleet: Fleet
) -> None:
    for pi in twins:
        pi.machine.pull_the_plug()
    with Machine(image(), tmp_path / "other", base=original.machine.disk) as machine:
        wait_until(lambda: "waits" in fleet.ask("enrolment", "pending"), 240, "the operator is told of it")
        assert machine.boot_id() not in fleet.boots()
    assert len(fleet.alarms()) == 1
