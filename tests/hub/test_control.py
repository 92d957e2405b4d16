"""The Unix socket: devices, the event stream, acknowledgements, and requests that are wrong."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pi_auto.wire.hublink import MOST_LINE, TELEMETRY, THROTTLED
from support.hub import RunningHub, connected, running_hub
from support.mqtt import PahoDevice
from support.waiting import wait_until


def test_the_socket_belongs_to_its_user_alone(hub: RunningHub) -> None:
    assert stat.S_IMODE(hub.socket.stat().st_mode) == 0o600


def test_a_stream_resumes_behind_its_cursor_and_goes_on_live(hub: RunningHub) -> None:
    with PahoDevice(hub.mqtt_address, hub.put_device("pi-1")) as device:
        for number in range(5):
            device.send_and_wait(str(number).encode())
        with hub.events(after=3) as events:
            assert [event.sequence_number for event in events.take(3)] == [4, 5, 6]
            device.send_and_wait(b"live")
            assert events.next().sequence_number == 7


def test_several_readers_have_a_cursor_each(hub: RunningHub) -> None:
    with (
        PahoDevice(hub.mqtt_address, hub.put_device("pi-1")) as device,
        hub.events() as one,
        hub.events() as two,
    ):
        device.send_and_wait(b"x")
        assert one.take(2) == two.take(2)


def test_a_reader_that_does_not_read_holds_nobody_up(hub: RunningHub) -> None:
    with (
        PahoDevice(hub.mqtt_address, hub.put_device("pi-1")) as device,
        hub.events() as slow,
        hub.events() as quick,
    ):
        for _ in range(30):
            device.send_and_wait(b"x" * 200_000)
        assert len(quick.take(31)) == 31
        numbers = [event.sequence_number for event in slow.take(31)]
    assert numbers == list(range(1, 32))


def test_a_reader_that_is_ahead_of_the_log_is_told(hub: RunningHub) -> None:
    with hub.events(after=1000) as events:
        answer = json.loads(events.line())
        assert answer == {"ok": False, "error": "after is 1000; allowed: a whole number from 0 to 0"}


def test_an_acknowledgement_survives_a_restart(hub: RunningHub) -> None:
    with PahoDevice(hub.mqtt_address, hub.put_device("pi-1")) as device:
        device.send_and_wait(b"x")
    assert hub.ask(op="acknowledge", through=2) == {"ok": True}
    hub.stop()
    assert (hub.data / "events" / "acknowledged").read_text() == "2\n"
    hub.start()
    assert hub.ask(op="acknowledge", through=1) == {"ok": True}
    with hub.events(after=0) as events:
        assert events.take(2)[1].type == TELEMETRY


def test_it_tells_what_runs(hub: RunningHub) -> None:
    host, port = hub.mqtt_address
    answer = hub.ask(op="info")
    assert answer == {
        "ok": True, "mqtt": f"{host}:{port}", "host": "127.0.0.1", "pid": hub.pid,
        "tls": False, "websocket": "off",
    }  # fmt: skip


def test_it_stops_when_it_is_asked_to(hub: RunningHub) -> None:
    with hub.events() as events:
        assert hub.ask(op="stop") == {"ok": True}
        assert events.line() == b""
    wait_until(lambda: not hub.socket.exists(), what="the hub is gone")
    assert hub.wait() == 0


WRONG: dict[str, dict[str, Any]] = {
    "op is missing": {},
    "op is 'reboot'": {"op": "reboot"},
    "device_id is missing": {"op": "put_device"},
    "device_id is '../x'": {"op": "put_device", "device_id": "../x"},
    "device_id is 7": {"op": "put_device", "device_id": 7},
    "through is 5": {"op": "acknowledge", "through": 5},
    "through is -1": {"op": "acknowledge", "through": -1},
    "after is 'x'": {"op": "events", "after": "x"},
    "after is missing": {"op": "events"},
}


@pytest.mark.parametrize(("says", "request_"), WRONG.items(), ids=WRONG.keys())
def test_a_wrong_request_is_refused_by_name(shared_hub: RunningHub, says: str, request_: dict[str, Any]) -> None:
    answer = shared_hub.ask(**request_)
    assert answer["ok"] is False
    assert answer["error"].startswith(says)


@pytest.mark.parametrize("line", [b"\n", b"hello\n", b"[]\n", b"\xff\n", b"[" * 100_000 + b"\n"])
def test_a_line_that_is_no_request_is_refused_and_the_next_one_answered(
    shared_hub: RunningHub, line: bytes
) -> None:
    with connected(shared_hub.socket) as raw, raw.makefile("rwb") as lines:
        lines.write(line + b'{"op":"put_device","device_id":"pi-1"}\n')
        lines.flush()
        assert json.loads(lines.readline())["ok"] is False
        assert json.loads(lines.readline())["ok"] is True


def test_an_endless_line_is_refused(shared_hub: RunningHub) -> None:
    with connected(shared_hub.socket) as raw, raw.makefile("rb") as answers:
        raw.sendall(b"x" * (MOST_LINE + 100))
        assert "a line of more than" in json.loads(answers.readline())["error"]


def test_a_request_on_a_stream_is_refused_instead_of_mixed_in(hub: RunningHub) -> None:
    with hub.events() as events:
        events._connection.sendall(b'{"op":"acknowledge","through":0}\n')
        assert json.loads(events.line())["error"] == "this connection streams events; ask on another"
        assert events.line() == b""


def test_readers_that_go_are_forgotten(hub: RunningHub) -> None:
    def answered() -> bool:
        try:
            return bool(hub.ask(op="put_device", device_id="pi-1")["ok"])
        except ConnectionError:
            return False  # it still counts those that are gone

    for _ in range(4):
        for _ in range(100):
            hub.events().close()
        wait_until(answered, what="room for one more")


def test_many_who_put_one_device_at_once_get_one_key(hub: RunningHub) -> None:
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: hub.put_device("pi-1").key, range(200)))
    assert len(set(answers)) == 1
    hub.kill()
    assert hub.start().put_device("pi-1").key == answers[0]


def test_every_thread_of_a_server_may_ask_at_once(hub: RunningHub) -> None:
    with ExitStack() as held:
        for _ in range(130):
            held.enter_context(connected(hub.socket))
        assert hub.put_device("pi-1").key


def test_tags_and_desired_properties_that_the_server_changes_are_events(hub: RunningHub) -> None:
    hub.put_device("pi-1")
    assert hub.ask(op="patch_tags", device_id="pi-1", patch={"site": "A"}) == {"ok": True}
    assert hub.ask(op="patch_desired", device_id="pi-1", patch={"interval": 60}) == {"ok": True, "version": 2}
    with hub.events() as events:
        tags, desired = events.take(2)
    assert (tags.type, tags.body) == ("twin_change", {"tags": {"site": "A"}, "version": 2})
    assert desired.body == {"properties": {"desired": {"interval": 60}}, "version": 2}


RATED: dict[str, dict[str, Any]] = {
    "registry": {"op": "put_device", "device_id": "pi-1"},
    "twin_updates": {"op": "patch_tags", "device_id": "pi-1", "patch": {"a": 1}},
    "methods": {"op": "call_method", "device_id": "pi-1", "method": "m", "timeout": 1},
}


def test_what_the_server_asks_counts_for_the_rates_of_the_tier(tmp_path: Path) -> None:
    with running_hub(tmp_path, "--throttle", "S1") as hub:
        hub.put_device("pi-1")
        for rate, request in RATED.items():
            answers = asked_many_times(hub, request)
            refused = [answer for answer in answers if answer.get("code") == THROTTLED]
            assert refused, rate
            assert refused[0]["error"].startswith(f"the rate of {rate} is exceeded; try again in ")
            assert 0 < refused[0]["retry_after"] <= 1


def asked_many_times(hub: RunningHub, request: dict[str, Any]) -> list[dict[str, Any]]:
    """The answers to two hundred at once: more than a second's worth of each rate."""
    with ThreadPoolExecutor(20) as pool:
        return list(pool.map(lambda _: hub.ask(**request), range(200)))
