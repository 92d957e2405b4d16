"""Time online survives kills of server and hub to the millisecond."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.heartbeat import to_bytes
from pi_auto.wire.times import parse_time
from support.conversation import register
from support.mqtt import PahoDevice
from support.processes import kill
from support.server import RunningServer, running_server
from support.waiting import wait_until

DEVICE = "pi-1a2b3c4d"


def registered(server: RunningServer) -> ConnectionString:
    return ConnectionString.parse(register(server, DEVICE)["connection_string"])


def told(server: RunningServer) -> Any:
    return server.request(f"/api/pi_device/{DEVICE}").json


@contextmanager
def connected(server: RunningServer, way_in: ConnectionString) -> Iterator[PahoDevice]:
    host, _, port = server.hub_mqtt.rpartition(":")
    with PahoDevice((host, int(port)), way_in, ca=server.card.ca) as device:
        yield device


def report(server: RunningServer, device: PahoDevice, number: int) -> None:
    """A heartbeat, waited for until it is in the books."""
    device.client.publish(
        f"$iothub/twin/PATCH/properties/reported/?$rid={number}",
        to_bytes({"status": "online", "n": number}),
        qos=0,
    )
    wait_until(lambda: (told(server)["reported"] or {}).get("n") == number, 30, "the heartbeat is booked")


def counted(server: RunningServer) -> tuple[int, int]:
    """Milliseconds online by the hub's word, and connects, of all days."""
    with closing(sqlite3.connect(server.data / "books.sqlite")) as books:
        row = books.execute("SELECT sum(online_ms), sum(connects) FROM device_days WHERE way = 'hub'").fetchone()
    return int(row[0]), int(row[1])


def last_session(server: RunningServer) -> int:
    """Its length in milliseconds, once it has ended."""
    row = wait_until(lambda: (row := told(server))["disconnected_at"] and row, 30, "the disconnect is booked")
    began, ended = parse_time(row["connected_at"]), parse_time(row["disconnected_at"])
    assert began
    assert ended
    return round((ended - began).total_seconds() * 1000)


def test_kills_of_server_and_hub_neither_lose_nor_double_time_online(tmp_path: Path) -> None:
    with running_server(tmp_path, hub_mqtt="127.0.0.1:0") as server:
        way_in = registered(server)
        with connected(server, way_in) as device:
            report(server, device, 1)
            server.kill()
            device.client.publish("$iothub/twin/PATCH/properties/reported/?$rid=2", to_bytes({"n": 2}), qos=0)
            with running_server(tmp_path, hub_mqtt=server.hub_mqtt) as again:
                wait_until(lambda: told(again)["reported"].get("n") == 2, 30, "what came meanwhile is booked")
                report(again, device, 3)
                device.client.disconnect()
                total = last_session(again)
                assert counted(again) == (total, 1)
                with connected(again, way_in) as second:
                    report(again, second, 4)
                    hub = again.hub()
                    kill([hub])
                    wait_until(lambda: again.hub() not in (0, hub), 30, "the hub runs again")
                total += last_session(again)
                assert counted(again) == (total, 2)
                assert told(again)["online_seconds"]["seven_days"] in (total // 1000, total // 1000 - 1)
