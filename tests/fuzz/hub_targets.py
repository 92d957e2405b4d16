"""What the hub reads: MQTT of anybody, documents of whoever has a key, its own files after a crash."""

from __future__ import annotations

import json
import logging
import shutil
import struct
import tempfile
from base64 import urlsafe_b64encode
from pathlib import Path

from fuzz.inner import asked, talked
from fuzz.target import Target, hold, seed, unless
from pi_auto.client.agent.hub.desired import Desired
from pi_auto.hub.eventlog import frames
from pi_auto.hub.eventlog.reader import EventReader
from pi_auto.hub.eventlog.record import Record, encode
from pi_auto.hub.eventlog.recovery import recover
from pi_auto.hub.eventlog.segments import Segment, begin
from pi_auto.hub.mqtt import packets
from pi_auto.hub.mqtt.parser import Parser
from pi_auto.hub.patches import RefusedPatchError, dump, load, merge, parse_patch, replacing
from pi_auto.hub.query.evaluation import Groups, projected, selects
from pi_auto.hub.query.lexer import QueryError
from pi_auto.hub.query.parser import parse
from pi_auto.hub.requests import twin_request
from pi_auto.wire import hublink
from pi_auto.wire.hublink import Event
from pi_auto.wire.scanner_settings import settings_in
from pi_auto.wire.twin import merged

CONNECT = b"\x10\x12\x00\x04MQTT\x04\x02\x00\x3c\x00\x04pi-1"[:16] + b"pi-1"
SUBSCRIBE = b"\x82\x1d\x00\x01\x00\x18$iothub/methods/POST/#\x00\x00\x00"
TELEMETRY = packets.publish_1("devices/pi-1/messages/events/a=b&%24.mid=1", b'{"a": 1}', 7, again=False)
TWIN_GET = packets.publish("$iothub/twin/GET/?$rid=1", b"")
REPORT = packets.publish_1("$iothub/twin/PATCH/properties/reported/?$rid=2", b'{"a": {"b": null}}', 8, again=False)
ANSWER = packets.publish("$iothub/methods/res/200/?$rid=1", b"{}")


def _subscribe(topic: bytes) -> bytes:
    body = b"\x00\x01" + len(topic).to_bytes(2, "big") + topic + b"\x01"
    return b"\x82" + packets.remaining_length(len(body)) + body


SUBSCRIBE = _subscribe(b"$iothub/methods/POST/#") + _subscribe(b"$iothub/twin/res/#")


def parser(octets: bytes) -> None:
    """However the bytes are cut, the packets are the same, or the same rule is broken."""
    cut = octets[0] % len(octets) if octets else 0
    whole, parted = _packets(octets[1:], len(octets)), _packets(octets[1:], cut)
    hold(whole == parted, "it depends on how the bytes are cut", whole, parted)
    for packet in whole:
        if isinstance(packet, packets.Publish):
            again = packets.publish(packet.topic, packet.payload)
            if packet.qos:
                again = packets.publish_1(packet.topic, packet.payload, packet.packet_id, again=False)
            read = _packets(again, len(again))[0]
            hold(isinstance(read, packets.Publish) and read[:2] == packet[:2], "written and read it is another")
            twin_request(packet.topic)


def _packets(octets: bytes, cut: int) -> list[object]:
    reading, found = Parser(2000), list[object]()
    try:
        for piece in (octets[:cut], octets[cut:]):
            if piece:
                reading.feed(piece)
            while (packet := reading.next()) is not None:
                found.append(packet)
    except packets.ProtocolError as error:
        found.append(str(error))
    return found


DOCUMENTS = (
    {
        "deviceId": "pi-1", "status": "enabled", "tags": {"site": "a", "n": 3, "f": 1.5, "t": True, "none": None},
        "properties": {"reported": {"list": [1, 2], "big": 10**15, "a": {"b": "x"}}, "desired": {}},
    },
    {"deviceId": "pi-2", "tags": {"site": "b", "n": "text", "f": -0.0, "t": {"deep": [1]}}},
)  # fmt: skip


def query(octets: bytes) -> None:
    """A query is refused, or each document is selected or not and shown as JSON."""
    text = octets.decode("utf-8", "replace")
    found = unless(QueryError)(parse, text)
    if not found:
        return
    groups = Groups(found)
    for document in DOCUMENTS:
        if selects(found, document):
            json.dumps(projected(found, document), allow_nan=False)
            groups.add(document)
    if found.aggregates:
        json.dumps(groups.rows(), allow_nan=False)


def patch(octets: bytes) -> None:
    """A patch as the hub merges it and as the device does; what is stored can be read and stays what it is."""
    found = unless(RefusedPatchError)(parse_patch, octets)
    if found is None:
        return
    stored = merge({"a": {"b": 1}, "c": 2}, found, 1 << 20)
    hold(dump(load(stored)) == stored, "stored and read it is another", stored)
    hold(
        load(stored) == merged({"a": {"b": 1}, "c": 2}, json.loads(octets)), "the device merges otherwise", octets
    )
    wanted = merged({}, found)
    whole = replacing({"a": {"b": 1}, "c": 2}, found)
    hold(merged({"a": {"b": 1}, "c": 2}, whole) == wanted, "a replacement leaves another", found)


def desired(octets: bytes) -> None:
    """Whatever the hub says of desired properties, the device has an object, or asks anew."""
    told = list[dict[str, object]]()
    device = Desired(told.append)
    for number, message in enumerate(octets.split(b"\n")):
        if number % 3 == 0:
            device.answered(200, device.asked(float(number)), message)
        else:
            device.patched(message)
    for section in told:
        json.dumps(section)
        hold(
            not any(name.startswith("$") for name in section), "the hub's own words are taken for wishes", section
        )
        settings_in(section)


def eventlog(octets: bytes) -> None:
    """A log with damage anywhere: the hub starts, gives no number twice, and hands on what can be read."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-log-"))
    logging.disable(logging.CRITICAL)
    try:
        _damaged_log(folder, octets)
    finally:
        logging.disable(logging.NOTSET)
        shutil.rmtree(folder)


def _damaged_log(folder: Path, octets: bytes) -> None:
    """The first bytes say how: where the second segment begins, which bytes are overwritten, where it ends."""
    if len(octets) < 4:
        return
    records = [
        Record(hublink.CONNECTED, "pi-1", 1), Record(hublink.TELEMETRY, "pi-1", 2, "a=b", octets[4:]),
        Record(hublink.TWIN_CHANGE, "pi-1", 3, "", b'{"a": 1}'), Record(hublink.DISCONNECTED, "pi-1", 4),
    ]  # fmt: skip
    at = octets[0] % 4
    for number, part in ((1, records[:at]), (1 + at, records[at:])) if at else ((1, records),):
        segment = Segment.of(folder, number)
        begin(segment, ["pi-1"] if number > 1 else [])
        with segment.path.open("ab") as file:
            file.write(b"".join(frames.pack(number + i, encode(each)) for i, each in enumerate(part)))
    broken = sorted(folder.glob("*.events"))[octets[1] % 2 if at else 0]
    content = bytearray(broken.read_bytes())
    place = octets[2] % len(content)
    if octets[1] & 2:
        content[place : place + octets[3] % 64] = octets[4 : 4 + octets[3] % 64]
    if octets[1] & 4:
        content[-1:] = frames.pack(5, octets[4:])  # whole by its sum, and senseless
    if octets[1] & 8:
        del content[place:]
    broken.write_bytes(bytes(content))
    found = recover(folder, 0)
    hold(found.segment.path.exists(), "the log goes on nowhere")
    again = recover(folder, 0)
    hold(again.newest == found.newest, "begun again it ends elsewhere", found, again)
    reader = EventReader(folder, 0)
    for _ in range(10):
        lines = unless(ValueError)(reader.lines, found.newest)
        if not lines:
            break
        for line in lines.splitlines():
            Event.from_json(json.loads(line))


def session(octets: bytes) -> None:
    """A device that has proved itself may send anything, and nothing fails."""
    talked(octets)


ASKED = ("GET", "PUT", "POST", "PATCH", "DELETE")
PATHS = (
    "/devices", "/devices/pi-1", "/devices/query", "/devices/pi-1/messages/devicebound", "/twins/pi-1",
    "/twins/pi-1/methods", "/statistics/devices", "/devices/pi-1/commands",
)  # fmt: skip
HEADERS = ("If-Match", "x-ms-continuation", "x-ms-max-item-count", "iothub-expiry", "iothub-app-a", "Content-Type")


def rest(octets: bytes) -> None:
    """Method, path, query, one header and body: never 500, and JSON if anything."""
    if len(octets) < 4:
        return
    what, where, which, cut = octets[:4]
    header, body = octets[4 : 4 + cut], octets[4 + cut :]
    extra, _, body = body.partition(b"\n")
    value = bytes(each for each in header if each >= 0x20 and each != 0x7F).strip()
    if which & 64:
        value = urlsafe_b64encode(value)
    path = (
        PATHS[where % len(PATHS)].encode()
        + b"?api-version=2021-04-12&"
        + bytes(each for each in extra[:80] if 0x21 <= each < 0x7F)
    )
    method = ASKED[what % len(ASKED)]
    asked(method, path, {HEADERS[which % len(HEADERS)]: value}, body)


def _rest_seed(what: int, where: int, which: int, header: bytes, extra: bytes, body: bytes) -> bytes:
    return struct.pack("4B", what, where, which, len(header)) + header + extra + b"\n" + body


QUERY = (
    b"SELECT c.deviceId, COUNT() AS n FROM devices AS c WHERE tags.site IN ['a', 'b'] "
    b"AND NOT is_defined(tags.[[x y]]) GROUP BY deviceId"
)
TARGETS = (
    Target(
        "hub.mqtt", parser, (b"\x05" + TELEMETRY + TWIN_GET, b"\x21" + CONNECT + SUBSCRIBE, b"\1\xc0\0\xe0\0"), 300
    ),
    Target(
        "hub.query",
        query,
        (
            QUERY,
            b"SELECT TOP 3 * FROM devices WHERE tags.n >= -0.10e2 OR startswith(tags.site, 'a''b')",
            b"select avg(tags.f), sum(tags.n), min(tags.n) from devices",
        ),
        300,
        (
            b"SELECT",
            b"FROM devices",
            b"WHERE",
            b"GROUP BY",
            b"[[",
            b"]]",
            b"COUNT()",
            b"IS_DEFINED(",
            b"tags.f",
            b"NIN [",
            b"AS",
        ),
    ),
    Target(
        "hub.patch", patch, (b'{"a": {"b": null, "c": [1, "x"]}, "c": {"d": {}}}', b'{"a": 1.5, "c": null}'), 300
    ),
    Target(
        "hub.desired",
        desired,
        (b'{"desired": {"$version": 1, "heartbeat_interval": 30}}\n{"$version": 2, "scanners": {"a": {}}}',),
        400,
        (b"$version", b"desired", b"heartbeat_interval", b"update_bandwidth", b"log_level", b"scanners"),
    ),
    Target(
        "hub.eventlog",
        eventlog,
        (b"\2\3\x20\5xxxxx", b"\0\4\0\0\x01\x00" + b"\xff" * 30, b"\3\x0c\x40\7yyyyyyy"),
        200,
    ),
    Target(
        "hub.session",
        session,
        (TELEMETRY + TWIN_GET, SUBSCRIBE + TWIN_GET + REPORT, ANSWER + b"\xc0\0", b"\xe0\0"),
        700,
        (TELEMETRY, TWIN_GET, REPORT, SUBSCRIBE, b"devices/pi-1/messages/events/", b"$iothub/twin/res/#"),
    ),
    Target(
        "hub.rest",
        rest,
        (
            _rest_seed(2, 2, 65, b'["pi-0", 1]', b"", b'{"query": "SELECT * FROM devices"}'),
            _rest_seed(
                1,
                1,
                0,
                b"*",
                b"",
                seed(
                    {
                        "deviceId": "pi-1",
                        "status": "enabled",
                        "authentication": {"type": "sas", "symmetricKey": {"primaryKey": "YQ=="}},
                    }
                ),
            ),
            _rest_seed(2, 0, 0, b"", b"", seed([{"id": "pi-2", "importMode": "update", "eTag": "a"}])),
            _rest_seed(3, 4, 0, b"*", b"", seed({"tags": {"a": None}, "properties": {"desired": {"b": [1]}}})),
            _rest_seed(2, 3, 3, b"2026-11-30T10:00:00Z", b"", b"message"),
            _rest_seed(
                2, 5, 0, b"", b"", seed({"methodName": "m", "payload": [1], "responseTimeoutInSeconds": 5})
            ),
            _rest_seed(0, 0, 0, b"", b"top=3", b""),
        ),
        500,
    ),
)
