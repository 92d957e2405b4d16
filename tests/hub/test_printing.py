"""`--events -`: events as JSON lines on stdout, whatever whoever reads them does."""

from __future__ import annotations

import json
import os
import select
import shlex
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pi_auto.wire import topics
from support.hub import PATIENCE, RunningHub
from support.mqtt import PahoDevice
from support.waiting import wait_until

LARGE = 200_000
MESSAGES = 60  # 12 MB, many times what a pipe holds


class Pipe:
    """A pipe that a hub prints into, also after it was started anew."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        self._rest = b""

    def next(self, timeout: float = PATIENCE) -> dict[str, Any]:
        """The next event."""
        deadline = time.monotonic() + timeout
        while b"\n" not in self._rest:
            assert select.select([self.reading], [], [], deadline - time.monotonic())[0], "no event in time"
            self._rest += os.read(self.reading, 1 << 20)
        line, _, self._rest = self._rest.partition(b"\n")
        event: dict[str, Any] = json.loads(line)
        return event

    def take(self, count: int) -> list[dict[str, Any]]:
        """The next ones."""
        return [self.next() for _ in range(count)]

    def hang_up(self) -> None:
        """Nobody reads any more."""
        os.close(self.reading)
        self.reading = -1

    def close(self) -> None:
        """Both ends."""
        for end in (self.reading, self.writing):
            if end >= 0:
                os.close(end)


@contextmanager
def printing_hub(folder: Path, *options: str) -> Iterator[tuple[RunningHub, Pipe]]:
    pipe = Pipe()
    hub = RunningHub(folder, options=("--events", "-", *options), output=pipe.writing)
    try:
        yield hub.start(), pipe
    finally:
        hub.kill()
        pipe.close()


def memory(pid: int) -> int:
    """Resident bytes of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def test_each_event_is_a_line_with_azures_names(tmp_path: Path) -> None:
    with printing_hub(tmp_path) as (hub, pipe):
        with PahoDevice(hub.mqtt_address, hub.put_device("pi-1")) as device:
            properties = {
                "$.mid": "m",
                "$.cid": "c",
                "$.ct": "text/plain",
                "$.ce": "utf-8",
                "$.uid": "u",
                "own": "é",
            }
            device.send_and_wait(b"\x00scan", properties)
            device.subscribe(topics.TWIN_RESPONSES)
            assert device.report({"status": "online"})[0] == 204
            hub.ask(op="patch_desired", device_id="pi-1", patch={"interval": 60})
        connected, telemetry, reported, desired, disconnected = pipe.take(5)
    assert list(telemetry) == [
        "type", "device_id", "sequence_number", "enqueued_at", "system_properties", "properties", "body"
    ]  # fmt: skip
    assert (telemetry["type"], telemetry["device_id"], telemetry["sequence_number"]) == ("telemetry", "pi-1", 2)
    assert telemetry["system_properties"] == {
        "message-id": "m", "correlation-id": "c", "content-type": "text/plain", "content-encoding": "utf-8",
        "user-id": "u",
    }  # fmt: skip
    assert telemetry["properties"] == {"own": "é"}
    assert b64decode(telemetry["body"]) == b"\x00scan"
    assert (reported["type"], reported["body"]["properties"]) == (
        "twin_change",
        {"reported": {"status": "online"}},
    )
    assert desired["body"] == {"properties": {"desired": {"interval": 60}}, "version": 2}
    assert (connected["type"], disconnected["type"]) == ("connected", "disconnected")


def test_a_reader_that_stands_still_costs_nothing_and_then_gets_everything_in_order(tmp_path: Path) -> None:
    with printing_hub(tmp_path) as (hub, pipe):
        known = hub.put_device("pi-1")
        with PahoDevice(hub.mqtt_address, known) as device:
            device.send_and_wait(b"x" * LARGE)
            before = memory(hub.pid)
            for number in range(MESSAGES):
                device.send_and_wait(b"%d," % number + b"x" * LARGE)
            assert memory(hub.pid) - before < 8_000_000
        events = pipe.take(MESSAGES + 3)
    assert [event["sequence_number"] for event in events] == list(range(1, MESSAGES + 4))
    bodies = [b64decode(event["body"]) for event in events[2:-1]]
    assert [int(body.partition(b",")[0]) for body in bodies] == list(range(MESSAGES))


def test_after_kill_9_it_goes_on_with_the_next_event_or_repeats_from_where_it_is_told(tmp_path: Path) -> None:
    with printing_hub(tmp_path) as (hub, pipe):
        known = hub.put_device("pi-1")
        with PahoDevice(hub.mqtt_address, known) as device:
            device.send_and_wait(b"before")
            before = pipe.take(2)
            hub.kill()
        hub.start()
        assert pipe.next() | {"enqueued_at": ""} == {
            "type": "disconnected", "device_id": "pi-1", "sequence_number": 3, "enqueued_at": "",
            "system_properties": {}, "properties": {}, "body": None,
        }  # fmt: skip
        hub.kill()
        hub.options += ("--events-from", "1")
        hub.start()
        assert pipe.take(2) == before
        assert pipe.next()["sequence_number"] == 3


def test_a_reader_that_goes_away_is_told_of_once_and_the_hub_goes_on(tmp_path: Path) -> None:
    with printing_hub(tmp_path) as (hub, pipe):
        pipe.hang_up()
        with PahoDevice(hub.mqtt_address, hub.put_device("pi-1")) as device:
            for number in range(20):
                device.send_and_wait(str(number).encode())
        assert hub.log().count("events are no longer printed, they stay in the log: Broken pipe") == 1
        with hub.events() as events:
            assert len(events.take(22)) == 22


def test_a_hub_whose_reader_stands_still_stops_when_it_is_told_to(tmp_path: Path) -> None:
    with printing_hub(tmp_path) as (hub, pipe):
        with PahoDevice(hub.mqtt_address, hub.put_device("pi-1")) as device:
            for _ in range(3):
                device.send_and_wait(b"x" * LARGE)
        assert hub.stop() == 0
        assert "nobody has read the events above" in hub.log()
        assert pipe.next()["sequence_number"] == 1


def test_the_last_events_of_a_hub_that_stops_are_printed(tmp_path: Path) -> None:
    with printing_hub(tmp_path) as (hub, pipe):
        with PahoDevice(hub.mqtt_address, hub.put_device("pi-1")) as device:
            pipe.next()
            assert hub.stop() == 0
            wait_until(lambda: device.gone, what="the device is sent away")
        assert pipe.next()["type"] == "disconnected"


def test_what_was_printed_may_be_deleted_from_the_log(tmp_path: Path) -> None:
    """Without a server nobody else says so, and the log would fill the disk."""
    with printing_hub(tmp_path) as (hub, pipe):
        with PahoDevice(hub.mqtt_address, hub.put_device("pi-1")) as device:
            device.send_and_wait(b"x")
            pipe.take(2)
        pipe.next()
        assert hub.stop() == 0
    assert (hub.data / "events" / "acknowledged").read_text() == "3\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--events", "events.jsonl"), "invalid choice: 'events.jsonl'"),
        (("--events-from", "0"), "'0' is not a sequence number"),
        (("--events-from", "2"), "there is no event 2 yet: --events-from is at most 1"),
    ],
)
def test_what_cannot_be_printed_is_refused(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    command = [sys.executable, "-m", "pi_auto.hub.cli", "run", "--data", str(tmp_path), "--host", "127.0.0.1"]
    done = subprocess.run(
        [*command, "--mqtt-port", "0", *arguments], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode != 0
    assert says in done.stderr


def test_a_closed_stdout_is_refused_and_not_mistaken_for_a_file_of_the_hubs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pi_auto.hub.cli", "run", "--data", str(tmp_path), "--host", "127.0.0.1"]
    line = shlex.join([*command, "--mqtt-port", "0", "--events", "-"])
    shell = ["sh", "-c", f"{line} >&-"]
    done = subprocess.run(shell, stderr=subprocess.PIPE, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert done.stderr == "pi-auto-hub: stdout is closed: --events - has nowhere to print to\n"
