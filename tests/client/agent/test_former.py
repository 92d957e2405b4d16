"""The scans of devices that this SD card was before, in other machines: each queue goes by itself."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from pi_auto.client.agent.delivery.former import FormerQueues
from pi_auto.client.agent.enrolment import invitation
from pi_auto.client.agent.enrolment.identity import FILE, Identity
from pi_auto.client.agent.enrolment.moving import FORMER
from pi_auto.client.agent.enrolment.registration import store_registration
from pi_auto.client.agent.network.home import Home
from pi_auto.client.agent.network.proving import endpoint_of
from pi_auto.client.agent.telling import Telling
from pi_auto.client.agent.wakeups import Reason, Wakeups
from pi_auto.client.clock import system_clock
from pi_auto.client.endpoint import Endpoint
from pi_auto.client.spool.marks import Marks
from pi_auto.client.spool.retiring import retired
from pi_auto.client.spool.schema import FILE_NAME
from pi_auto.client.spool.writer import Spool
from pi_auto.server.scans.tables import scans
from pi_auto.wire.registration import RegistrationAnswer
from support.fleet_office import FleetOffice
from support.fleet_peer import FleetPeer
from support.spools import draft

MACHINES = ("one", "two", "three")
Arrives = Callable[[Callable[[], list[str]], list[str]], None]


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """An SD card that has scanned in three machines and was put into a fourth; in each it was another device."""
    capture = tmp_path / "capture"
    capture.mkdir()
    for machine in (*MACHINES, "four"):
        spool = Spool.open(capture, system_clock(), machine=machine)
        spool.append([draft(f"of {machine}")])
        spool.close()
    for machine in MACHINES:
        place = tmp_path / "agent" / FORMER / f"pi-{machine}"
        place.mkdir(parents=True)
        (place / FILE).write_text(json.dumps(device(machine).to_json()))
    return tmp_path


def device(machine: str) -> Identity:
    return Identity(f"pi-{machine}", machine.encode().hex().ljust(64, "0"), machine)


def first_in_turn(card: Path) -> tuple[Path, str]:
    """Of which machine the spool is that is looked at before the others, and where it lies."""
    return next(iter(retired(card / "capture")))


@contextmanager
def delivering(card: Path, server: FleetPeer | FleetOffice, marks: Marks, telling: Telling) -> Iterator[None]:
    wakeups = Wakeups()
    if isinstance(server, FleetOffice):
        fleet, endpoint = server.card, endpoint_of(server.card.servers[0], server.card)
    else:
        fleet, endpoint = None, Endpoint.of(server.url)
    queues = FormerQueues(
        card / "agent", card / "capture", device("four"), fleet, giver(server), Home(endpoint), marks, telling,
        wakeups, Random(1),
    )  # fmt: skip
    thread = threading.Thread(target=queues.run)
    thread.start()
    try:
        yield
    finally:
        wakeups.wake(Reason.STOP)
        thread.join()
        wakeups.close()


def giver(server: FleetPeer | FleetOffice) -> str:
    return f"fleet {server.card.fleet_id}" if isinstance(server, FleetOffice) else server.url


def all_have_old_tokens(card: Path, given_by: str) -> None:
    for machine in MACHINES:
        given = RegistrationAnswer(f"pi-{machine}", datetime.now(UTC), None, "", api_token="t" * 32)
        store_registration(card / "agent" / FORMER / f"pi-{machine}", given_by, given)


def of_all_but(machine: str) -> list[str]:
    return sorted(f"of {each}" for each in MACHINES if each != machine)


def test_a_device_that_the_fleet_has_shut_out_keeps_its_own_scans_waiting_and_nobody_elses(
    card: Path, server: FleetPeer, marks: Marks, telling: Telling, arrives: Arrives
) -> None:
    _, shut_out = first_in_turn(card)
    server.claims[f"pi-{shut_out}"] = "f" * 64
    with delivering(card, server, marks, telling):
        arrives(lambda: sorted(server.texts()), of_all_but(shut_out))


def test_a_device_that_the_server_has_forgotten_registers_again(
    card: Path, server: FleetPeer, marks: Marks, telling: Telling, arrives: Arrives
) -> None:
    """Its books were restored from a backup that is older than the device's token."""
    all_have_old_tokens(card, giver(server))
    with delivering(card, server, marks, telling):
        arrives(lambda: sorted(server.texts()), of_all_but("none"))


def test_a_device_that_the_fleet_has_forgotten_enrols_again(
    card: Path, office: FleetOffice, marks: Marks, telling: Telling, arrives: Arrives
) -> None:
    all_have_old_tokens(card, giver(office))
    batch = office.make_batch()
    for machine in MACHINES:
        (card / "agent" / FORMER / f"pi-{machine}" / invitation.FILE).write_text(batch)
    with delivering(card, office, marks, telling):
        arrives(lambda: sorted(row.text for row in office.api.rows(scans)), of_all_but("none"))


def test_a_spool_that_cannot_be_read_holds_up_no_other(
    card: Path, server: FleetPeer, marks: Marks, telling: Telling, arrives: Arrives
) -> None:
    place, machine = first_in_turn(card)
    octets = (place / FILE_NAME).read_bytes()
    begin = octets.index(b"CREATE TABLE records")
    (place / FILE_NAME).write_bytes(octets[:begin] + b"CREATE TABLE nothing" + octets[begin + 20 :])
    with delivering(card, server, marks, telling):
        arrives(lambda: sorted(server.texts()), of_all_but(machine))


def test_a_queue_that_was_damaged_when_its_card_moved_goes_under_the_former_name(
    card: Path, server: FleetPeer, marks: Marks, telling: Telling, arrives: Arrives
) -> None:
    capture = card / "capture"
    octets = (capture / FILE_NAME).read_bytes()
    (capture / FILE_NAME).write_bytes(bytes(100) + octets[100:])
    Spool.open(capture, system_clock(), machine="five").close()
    with delivering(card, server, marks, telling):
        arrives(lambda: sorted(server.texts()), sorted([*of_all_but("none"), "of four"]))
