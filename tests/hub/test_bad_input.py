"""Whatever one peer sends, another device's conversation goes on, the memory is bounded and the log is short."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pi_auto.hub.rest.guard import MOST_WAITING
from pi_auto.wire import topics
from pi_auto.wire.connection_string import ConnectionString
from support.attacks import Bystander, encrypted, frame, memory, undisturbed, upgraded
from support.hub import RunningHub, running_hub
from support.mqtt import RawDevice, connect_packet, ends, packet, publish_packet, subscribe_packet, text
from support.service import Service

BAD = "pi-1"
LETTERS = topics.devicebound(BAD)
NEW, REFUSED = b"\x20\x02\x00\x00", b"\x20\x02\x00\x05"
PING, PONG = b"\xc0\x00", b"\xd0\x00"
LIVE = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("attacked"), "--https-port", "0") as running:
        yield running


@pytest.fixture
def bystander(hub: RunningHub) -> Iterator[Bystander]:
    before = len(hub.log().splitlines())
    with undisturbed(hub) as device:
        yield device
    assert len(hub.log().splitlines()) - before <= 30  # a few causes, however often they came
    assert "Traceback" not in hub.log()


@pytest.fixture
def known(hub: RunningHub) -> ConnectionString:
    return hub.put_device(BAD)


def unsubscribe_packet(*filters: str, number: int = 8) -> bytes:
    return packet(0xA2, struct.pack(">H", number) + b"".join(map(text, filters)))


def puback_packet(number: int) -> bytes:
    return packet(0x40, struct.pack(">H", number))


STRANGER = ConnectionString("127.0.0.1", BAD, "c2VjcmV0")
WORDS = st.sampled_from([
    topics.telemetry(BAD, {}), topics.telemetry("pi-good", {}), topics.twin_get("1"), topics.DESIRED_PATCHES,
    topics.twin_patch_reported("1"), topics.TWIN_RESPONSES, topics.METHODS, LETTERS,
    "$iothub/methods/res/200/?$rid=1", "$iothub/twin/res/200/?$rid=1",
    topics.devicebound("pi-good"), "#", "+/+", "$SYS/#",
    "$iothub/#", "é/\U0001f300",
])  # fmt: skip
NUMBERS = st.integers(0, 0xFFFF)
BODIES = st.one_of(
    st.binary(max_size=60), st.sampled_from([b"{", b"[]", b"null", b'{"a":{"$b":1}}', b'{"a":1e999}'])
)
PACKETS = st.one_of(
    st.builds(lambda *args: publish_packet(args[0], args[1], qos=args[2], number=args[3]), WORDS, BODIES,
              st.integers(0, 3), NUMBERS),
    st.builds(lambda words, qos, n: subscribe_packet(*words, qos=qos, number=n), st.lists(WORDS, max_size=7),
              st.integers(0, 3), NUMBERS),
    st.builds(lambda words, n: unsubscribe_packet(*words, number=n), st.lists(WORDS, max_size=7), NUMBERS),
    st.builds(puback_packet, NUMBERS),
    st.builds(packet, st.integers(0, 255), st.binary(max_size=40)),
    st.just(connect_packet(STRANGER)), st.just(PING), st.just(packet(0xE0, b"")), st.binary(max_size=40),
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A packet of any kind with a byte of it changed, left out or put in, half of the time."""
    whole: bytes = draw(PACKETS)
    place = draw(st.integers(0, 2 * len(whole) + 1))
    patch: bytes = draw(st.binary(max_size=2))
    return whole if place >= len(whole) else whole[:place] + patch + whole[place + 1 :]


@LIVE
@given(st.lists(damaged(), max_size=8))
def test_packets_of_all_kinds_right_and_wrong_disturb_nobody_else(
    hub: RunningHub, bystander: Bystander, known: ConnectionString, packets: list[bytes]
) -> None:
    with RawDevice(hub.mqtt_address) as raw:
        assert raw.connect(known) == NEW
        raw.send(b"".join(packets))
        bystander.goes_on()


@LIVE
@given(st.lists(damaged(), min_size=1, max_size=3))
def test_packets_of_all_kinds_from_a_stranger_disturb_nobody_else(
    hub: RunningHub, bystander: Bystander, packets: list[bytes]
) -> None:
    with RawDevice(hub.mqtt_address) as raw:
        raw.send(b"".join(packets))
        bystander.goes_on()


FRAMES = st.one_of(
    st.builds(lambda body, first, masked: frame(body, first=first, masked=masked),
              st.binary(max_size=130), st.integers(0, 255), st.booleans()),
    st.builds(frame, damaged()),
    st.binary(max_size=20),
)  # fmt: skip


@LIVE
@given(st.booleans(), st.lists(FRAMES, max_size=5))
def test_frames_of_all_kinds_right_and_wrong_disturb_nobody_else(
    hub: RunningHub, bystander: Bystander, known: ConnectionString, proved: bool, frames: list[bytes]
) -> None:
    with upgraded(hub) as sock:
        if proved:
            sock.sendall(frame(connect_packet(known)))
            assert sock.recv(6) == b"\x82\x04" + NEW
        with suppress(OSError):  # it may be closed after the first ones
            sock.sendall(b"".join(frames))
        bystander.goes_on()


FLOODS: dict[str, Callable[[], bytes]] = {
    "changes of what it has subscribed to": lambda: (
        subscribe_packet(topics.METHODS) + unsubscribe_packet(topics.METHODS)
    ),
    "subscriptions to its messages": lambda: subscribe_packet(LETTERS),
    "subscriptions that it may not have": lambda: subscribe_packet(topics.devicebound("pi-good"), "#", "$SYS/#"),
    "acknowledgements of nothing": lambda: puback_packet(7),
    "pings": lambda: PING,
    "reads of its twin": lambda: publish_packet(topics.twin_get("1"), b"", qos=0),
    "reports": lambda: publish_packet(topics.twin_patch_reported("1"), b'{"a":1}', qos=0),
    "reports that are not JSON": lambda: publish_packet(topics.twin_patch_reported("1"), b"{", qos=0),
    "answers to nothing": lambda: publish_packet("$iothub/methods/res/200/?$rid=1", b"{", qos=0),
    "telemetry": lambda: publish_packet(topics.telemetry(BAD, {}), b"x" * 100),
}  # fmt: skip


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS.keys())
@pytest.mark.parametrize("clean", [True, False], ids=["clean session", "kept session"])
def test_a_flood_of_a_device_that_reads_nothing_disturbs_nobody_else(
    hub: RunningHub, bystander: Bystander, known: ConnectionString, flood: Callable[[], bytes], clean: bool
) -> None:
    with RawDevice(hub.mqtt_address) as raw:
        assert raw.connect(known, clean=clean)[:2] == NEW[:2]
        raw.send(subscribe_packet(topics.TWIN_RESPONSES))
        raw.socket.settimeout(1)
        before = memory(hub.pid)
        for _ in range(4):
            raw.send(flood() * 5000)
            bystander.goes_on()
        assert memory(hub.pid) - before < 40_000_000


def test_a_message_is_delivered_once_however_often_a_device_subscribes(
    hub: RunningHub, bystander: Bystander, known: ConnectionString
) -> None:
    assert Service(hub).ask("POST", f"/devices/{BAD}/messages/devicebound", b"once").status == 204
    with RawDevice(hub.mqtt_address) as raw:
        assert raw.connect(known) == NEW
        raw.send((subscribe_packet(LETTERS) + unsubscribe_packet(LETTERS)) * 30 + subscribe_packet(LETTERS))
        answers = b""
        while b"once" not in answers:
            answers += raw.receive(1)
        raw.send(PING)
        while not answers.endswith(PONG):
            answers += raw.receive(1)
        bystander.goes_on()
    assert answers.count(b"once") == 1
    assert "given up" not in hub.log()
    Service(hub).ask("DELETE", f"/devices/{BAD}/messages/devicebound")


FOREIGN = [
    topics.telemetry("pi-good", {}), topics.devicebound(BAD)[:-1], "devices/pi-good/messages/devicebound/",
    "$iothub/twin/PATCH/properties/desired/?$version=7", "$iothub/methods/POST/reboot/?$rid=1", "$SYS/x", "x",
    "$iothub/twin/res/200/?$rid=1", f"devices/{BAD}/messages/events2",
    f"devices/{BAD}/../pi-good/messages/events/",
]  # fmt: skip


@pytest.mark.parametrize("topic", FOREIGN)
def test_a_message_to_another_topic_than_its_own_closes_the_connection_and_reaches_nobody(
    hub: RunningHub, bystander: Bystander, known: ConnectionString, topic: str
) -> None:
    with RawDevice(hub.mqtt_address) as raw:
        assert raw.connect(known) == NEW
        raw.send(publish_packet(topic, b'{"a":1}'))
        assert raw.is_closed()
    bystander.goes_on()


def test_subscriptions_to_what_is_anothers_are_refused_one_by_one(
    hub: RunningHub, bystander: Bystander, known: ConnectionString
) -> None:
    wanted = (topics.devicebound("pi-good"), "#", "+/+/messages/devicebound/#", topics.METHODS, "$iothub/#")
    with RawDevice(hub.mqtt_address) as raw:
        assert raw.connect(known) == NEW
        raw.send(subscribe_packet(*wanted))
        assert raw.receive(9) == b"\x90\x07\x00\x07\x80\x80\x80\x01\x80"
    bystander.goes_on()


OVERSIZE = {
    "a length of 256 MB": b"\x32\xff\xff\xff\x7f",
    "a message of more than 256 KB": publish_packet(topics.telemetry(BAD, {}), b"x" * 262_145),
    "a hundred properties": publish_packet(topics.telemetry(BAD, {f"p{n}": "x" for n in range(101)}), b""),
    "a report of a megabyte": publish_packet(topics.twin_patch_reported("1"), b"[" * 1_000_000),
}


@pytest.mark.parametrize("data", OVERSIZE.values(), ids=OVERSIZE.keys())
def test_what_is_too_large_closes_its_connection_alone(
    hub: RunningHub, bystander: Bystander, known: ConnectionString, data: bytes
) -> None:
    before = memory(hub.pid)
    for _ in range(5):
        with RawDevice(hub.mqtt_address) as raw:
            assert raw.connect(known) == NEW
            raw.send(data)
            assert raw.is_closed()
        bystander.goes_on()
    assert memory(hub.pid) - before < 10_000_000


def test_a_frame_that_is_too_large_closes_its_websocket_alone(hub: RunningHub, bystander: Bystander) -> None:
    with upgraded(hub) as sock:
        sock.sendall(b"\x82\xff" + struct.pack(">Q", 1 << 40) + bytes(4))
        assert ends(sock, 10)
    bystander.goes_on()


def test_wrong_signatures_by_the_hundred_are_one_line_in_the_log(
    hub: RunningHub, bystander: Bystander, known: ConnectionString
) -> None:
    forged = ConnectionString(known.host, BAD, "c2VjcmV0")
    for _ in range(200):
        with RawDevice(hub.mqtt_address) as raw:
            assert raw.connect(forged) == REFUSED
    bystander.goes_on()
    assert hub.log().count("pi-1 is refused: the token was signed with another key") == 1


def test_topics_by_the_hundred_are_one_line_in_the_log(hub: RunningHub, bystander: Bystander) -> None:
    device = hub.put_device("pi-babbler")
    for number in range(100):
        with RawDevice(hub.mqtt_address) as raw:
            raw.connect(device)
            raw.send(publish_packet(f"topic/{number}", b""))
            assert raw.is_closed()
    bystander.goes_on()
    assert hub.log().count("pi-babbler: closed for a message to the topic") == 1


def test_strangers_who_take_all_connections_make_way_for_devices(tmp_path: Path) -> None:
    with running_hub(tmp_path, "--max-connections", "20") as hub, ExitStack() as held:
        known = hub.put_device(BAD)
        with undisturbed(hub) as bystander:
            for _ in range(100):
                held.enter_context(RawDevice(hub.mqtt_address))
            bystander.goes_on()
            with RawDevice(hub.mqtt_address) as raw:
                assert raw.connect(known) == NEW
                for _ in range(100):
                    held.enter_context(RawDevice(hub.mqtt_address))
                raw.send(PING)
                assert raw.receive(2) == PONG
            bystander.goes_on()
        assert hub.log().count("those that prove nothing make way") == 1


def nothing(hub: RunningHub) -> tuple[socket.socket, bytes]:
    """Connects to the port of HTTPS and says nothing: half a handshake."""
    return socket.create_connection(hub.https_address), b""


def half_a_handshake(hub: RunningHub) -> tuple[socket.socket, bytes]:
    return socket.create_connection(hub.mqtt_address), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200)


def half_a_connect(hub: RunningHub) -> tuple[socket.socket, bytes]:
    return encrypted(hub, hub.mqtt_address), b"\x10\x7f\x00\x04MQTT" + bytes(100)


def half_a_head(hub: RunningHub) -> tuple[socket.socket, bytes]:
    return encrypted(
        hub, hub.https_address
    ), b"GET /devices?api-version=2021-04-12 HTTP/1.1\r\n" + b"A: b\r\n" * 99


def half_a_frame(hub: RunningHub) -> tuple[socket.socket, bytes]:
    return upgraded(hub), frame(b"\x10\x7f\x00\x04MQTT" + bytes(100))[:-4]


def frames_of_one_byte(hub: RunningHub) -> tuple[socket.socket, bytes]:
    return upgraded(hub), frame(b"\x10", first=0x82) + bytes(0)


DAWDLERS = [nothing, half_a_handshake, half_a_connect, half_a_head, half_a_frame, frames_of_one_byte]


def test_dawdlers_on_every_way_in_are_cut_while_a_device_goes_on(tmp_path: Path) -> None:
    options = ("--tls", "self", "--https-port", "0", "--connect-timeout", "2")
    with running_hub(tmp_path, *options) as hub, undisturbed(hub) as bystander, ExitStack() as held:
        peers = {way: way(hub) for way in DAWDLERS}
        for sock, _ in peers.values():
            held.callback(sock.close)
        open_ways, deadline, place = set(DAWDLERS), time.monotonic() + 20, 0
        while open_ways:
            assert time.monotonic() < deadline, open_ways
            for way in list(open_ways):
                sock, data = peers[way]
                if dawdled(sock, data[place : place + 1]):
                    open_ways.discard(way)
            place += 1
            bystander.goes_on()


def dawdled(sock: socket.socket, octet: bytes) -> bool:
    """Send one byte and wait a little; whether the hub has closed."""
    try:
        sock.sendall(octet)
    except OSError:
        return True
    return ends(sock, 0.1)


def test_a_body_that_never_ends_keeps_nobody_else_out(hub: RunningHub, bystander: Bystander) -> None:
    with ExitStack() as held:
        for _ in range(20):
            sock = held.enter_context(encrypted(hub, hub.https_address))
            sock.sendall(
                b"PUT /devices/x?api-version=2021-04-12 HTTP/1.1\r\nHost: hub\r\nContent-Length: 1000000\r\n"
                b"Authorization: " + Service(hub).token().encode() + b"\r\n\r\n{"
            )
        assert Service(hub).ask("GET", "/devices/pi-good").status == 200
        bystander.goes_on()


NO_HTTP = [b"\x10\x7f\x00\x04MQTT", b"\x16\x03\x01" + bytes(200), b"GET / HTTP/1.1\r\nA\r\n\r\n", b"GET\r\n\r\n",
           b"\xff" * 5000, b"POST / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
           b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 50_000]  # fmt: skip


@pytest.mark.parametrize("data", NO_HTTP)
def test_what_is_no_http_is_cut_and_fills_no_log(hub: RunningHub, bystander: Bystander, data: bytes) -> None:
    for _ in range(5):
        with encrypted(hub, hub.https_address) as sock, suppress(OSError):
            sock.sendall(data)
            assert ends(sock, 20)
        with socket.create_connection(hub.https_address) as plain, suppress(OSError):
            plain.sendall(data)
        bystander.goes_on()


def test_connections_without_a_request_make_way_on_the_service_side(hub: RunningHub, bystander: Bystander) -> None:
    with ExitStack() as held:
        idle = [held.enter_context(encrypted(hub, hub.https_address)) for _ in range(MOST_WAITING + 20)]
        assert Service(hub).ask("GET", "/devices/pi-good").status == 200
        assert ends(idle[0], 5)
        bystander.goes_on()
