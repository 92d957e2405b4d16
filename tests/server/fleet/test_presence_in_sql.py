"""What a query finds by presence is what the books' rows say of it, whatever stands in them."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, text

from pi_auto.server.fleet.presence import Presence, presence
from pi_auto.server.fleet.presence_in_sql import presence_at
from pi_auto.server.fleet.tables import devices
from support.api import NOW, Api

AGES = (
    0,
    0.000001,
    5,
    29.999999,
    89.999999,
    90,
    90.000001,
    149,
    151,
    299,
    300,
    300.000001,
    1700,
    86400,
    -60,
    -86400,
)
INTERVALS: tuple[object, ...] = (600, 1, 86400, 0, 10**9, True, "600", None, [600])


def moment(dice: random.Random) -> datetime | None:
    return None if dice.random() < 0.3 else NOW - timedelta(seconds=dice.choice(AGES))


def reported(dice: random.Random) -> Any:
    own = {"value": dice.choice(INTERVALS), "status": dice.choice((200, 200, 400))}
    return dice.choice((None, {}, [], "x", {"settings": "x"}, {"settings": {"heartbeat_interval": own}}))


def test_the_books_and_python_say_the_same_of_every_row(api: Api) -> None:
    dice = random.Random(20261130)
    names = ("last_api_at", "last_heartbeat_at", "said_offline_at", "connected_at", "disconnected_at")
    rows = [
        {"device_id": f"pi-{number}", "client_version": "", "system_info": {}, "registered_at": NOW,
         "reported": reported(dice), "changed": number} | {name: moment(dice) for name in names}
        for number in range(1500)
    ]  # fmt: skip
    api.context.writer.submit(lambda books: books.execute(insert(devices), rows).rowcount).result(30)
    with api.context.store.engine.connect() as books:
        found = books.execute(select(devices, presence_at(NOW, 30).label("found"))).all()
    assert [row.found for row in found] == [presence(row, NOW, 30) for row in found]
    assert {row.found for row in found} == set(Presence)


def test_numbers_that_are_none_in_what_a_device_reports_keep_no_fleet_from_being_looked_through(api: Api) -> None:
    own = {"settings": {"heartbeat_interval": {"value": 600, "status": 200}}, "temperature": float("nan")}
    api.device("pi-1")
    update = text("UPDATE devices SET reported = :reported, last_api_at = :at")
    written = {"reported": json.dumps(own), "at": f"{NOW - timedelta(seconds=1700):%Y-%m-%d %H:%M:%S.%f}"}
    api.context.writer.submit(lambda books: books.execute(update, written).rowcount).result(10)
    with api.context.store.engine.connect() as books:
        assert books.execute(select(presence_at(NOW, 30))).scalars().all() == [Presence.ONLINE]
