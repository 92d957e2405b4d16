"""A crowd of devices whose links break at random: nothing acknowledged is lost, nothing counts twice.

A hundred of them here, while the hub and then the server are killed; `script/test-long hub` sends a thousand.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from pi_auto.server.store.engine import BOOKS
from pi_auto.wire.connection_string import ConnectionString
from support import processes
from support.crowd import Ledger, Member, Witness
from support.hub import RunningHub
from support.records import scan
from support.server import UNTRUSTED, RunningServer, running_server
from support.waiting import wait_until


@dataclass(frozen=True)
class Plan:
    """Who sends how much, and what dies meanwhile; times in seconds, on average."""

    seed: int
    devices: int
    scans: int  # of one device
    pace: float  # between two scans of one device
    life: float  # of a connection
    hub_kills: int
    server_kills: int

    @classmethod
    def from_environment(cls) -> Plan:
        devices = int(os.environ.get("PI_AUTO_CROWD", "100"))
        few = devices <= 100
        # What decides whether a change lands tries the same chances each time.
        seed = int(os.environ.get("PI_AUTO_SEED", 1 if few else random.SystemRandom().randrange(10**6)))
        if few:
            return cls(seed, devices, scans=20, pace=0.3, life=1.5, hub_kills=1, server_kills=1)
        return cls(seed, devices, scans=60, pace=2.0, life=8.0, hub_kills=5, server_kills=3)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan.from_environment()


@dataclass
class House:
    """A server that is started again where it was after it died, and its hub."""

    folder: Path
    server: RunningServer

    @property
    def hub(self) -> RunningHub:
        hub = RunningHub(self.folder)
        hub.socket = self.server.data / "hub" / "hub.sock"
        host, _, port = self.server.hub_mqtt.rpartition(":")
        hub.mqtt_address = (host, int(port))
        return hub

    def kill_hub(self) -> None:
        found = wait_until(self.server.hub, 30, "there is a hub to kill")
        processes.kill([found])
        wait_until(lambda: self.server.hub() not in (0, found), 60, "the server has started another hub")

    def kill_server(self) -> None:
        self.server.kill()
        again = (*UNTRUSTED, "--http", self.server.http, "--hub-mqtt", self.server.hub_mqtt)
        self.server = RunningServer(self.server.data, self.server.log, *again)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with running_server(tmp_path, *UNTRUSTED, hub_mqtt="127.0.0.1:0") as server:
        house = House(tmp_path, server)
        try:
            yield house
        finally:
            house.server.stop()


def test_what_a_crowd_was_told_is_stored_is_in_the_events_and_once_in_the_books(house: House, plan: Plan) -> None:
    print(f"{plan}: repeat with PI_AUTO_SEED={plan.seed}")
    known = [house.hub.put_device(f"crowd-{number}") for number in range(plan.devices)]
    ledger, wanted = Ledger(), plan.devices * plan.scans
    with Witness(house.hub.socket, wanted) as witness:
        began = time.monotonic()
        delivering = threading.Thread(target=lambda: asyncio.run(deliver(plan, known, ledger, house)), daemon=True)
        delivering.start()
        kill_at_random(plan, house)
        delivering.join()
        took = time.monotonic() - began
        wait_until(witness.has_all, 60, "the events hold every message")
        wait_until(lambda: len(booked(house)) >= wanted, 300, "the books hold every scan")
        settled = time.monotonic() - began
    in_books = booked(house)
    repeats = witness.seen.total() - len(witness.seen)
    too_often = {uuid: seen for uuid, seen in witness.seen.items() if seen > ledger.sent[uuid]}
    figures = {"seconds": took, "seconds_to_books": settled, "seen": len(witness.seen), "repeats": repeats}
    figures |= {"too_often": len(too_often), "faults": len(witness.faults), "booked": len(in_books)}
    figures |= {"booked_twice": len(in_books) - len(set(in_books))}
    report(plan, ledger, figures)
    assert witness.faults == []
    assert ledger.strange == []
    assert ledger.acknowledged == witness.seen.keys() == ledger.sent.keys()
    assert repeats > 0, "no PUBACK was lost: nothing was tried"
    assert too_often == {}, "in the events more often than sent, and a member sends again only what has no PUBACK"
    assert sorted(in_books) == sorted((uuid, witness.senders[uuid]) for uuid in witness.seen)
    assert unwelcome(house) == []


async def deliver(plan: Plan, known: list[ConnectionString], ledger: Ledger, house: House) -> None:
    address = house.hub.mqtt_address
    async with asyncio.TaskGroup() as members:
        for number, device in enumerate(known):
            spool = f"00000000-0000-4000-8000-{number:012d}"
            mine = [scan(f"{number}-{index}", number=index + 1, spool=spool) for index in range(plan.scans)]
            dice = random.Random(f"{plan.seed}/{number}")
            member = Member(device, mine, ledger, dice, pace=plan.pace, life=plan.life)
            members.create_task(member.deliver(address))


def kill_at_random(plan: Plan, house: House) -> None:
    """Spread over the time in which the crowd scans."""
    dice = random.Random(plan.seed)
    kills = [house.kill_hub] * plan.hub_kills + [house.kill_server] * plan.server_kills
    dice.shuffle(kills)
    for kill in kills:
        time.sleep(dice.uniform(0.5, 1) * plan.scans * plan.pace / len(kills))
        kill()


def booked(house: House) -> list[Any]:
    """Every scan in the server's books: uuid and device."""
    return in_the_books(house, "SELECT uuid, device_id FROM scans")


def unwelcome(house: House) -> list[Any]:
    """The scans that came in two versions, and the events that the server could not book."""
    return in_the_books(house, "SELECT uuid FROM conflicts UNION ALL SELECT reason FROM refusals")


def in_the_books(house: House, query: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{house.server.data / BOOKS}?mode=ro", uri=True)) as books:
        return books.execute(query).fetchall()


def report(plan: Plan, ledger: Ledger, figures: dict[str, float]) -> None:
    """Say what happened, to people and to script/test-long."""
    counted = {
        "sent": ledger.sent.total(),
        "acknowledged": len(ledger.acknowledged),
        "breaks": dict(ledger.breaks),
        "refused_connects": ledger.refused,
    }
    told = json.dumps(asdict(plan) | counted | figures)
    print(told)
    if place := os.environ.get("PI_AUTO_CROWD_REPORT"):
        Path(place).write_text(told)
