from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_auto.hub.mqtt import packets
from pi_auto.hub.mqtt.packets import Connect, Packet, ProtocolError, Publish, WrongProtocolError
from pi_auto.hub.mqtt.parser import Parser
from pi_auto.wire.connection_string import ConnectionString
from support.mqtt import connect_packet, packet, publish_packet, text

MOST = 1024
DEVICE = ConnectionString("hub.local", "pi-1", "c2VjcmV0")


def parse(*pieces: bytes, most: int = MOST) -> tuple[list[Packet], str]:
    """What comes out of the pieces: packets, and the error that ended them if there was one."""
    parser, found = Parser(most), []
    try:
        for piece in pieces:
            parser.feed(piece)
            while (each := parser.next()) is not None:
                found.append(each)
    except ProtocolError as error:
        return found, str(error)
    return found, ""


GOOD = [
    (connect_packet(DEVICE, keepalive=30), Connect),
    (publish_packet("devices/pi-1/messages/events/", b"body", qos=0), Publish),
    (publish_packet("devices/pi-1/messages/events/", b"", qos=1, number=65535), Publish),
    (packet(0x40, b"\x00\x07"), packets.Puback),
    (packet(0x82, b"\x00\x01" + text("$iothub/twin/res/#") + b"\x01"), packets.Subscribe),
    (packet(0xA2, b"\x00\x01" + text("a") + text("b")), packets.Unsubscribe),
    (packet(0xC0, b""), packets.Pingreq),
    (packet(0xE0, b""), packets.Disconnect),
]
STREAM = b"".join(data for data, _ in GOOD)


def test_every_packet_of_a_device_is_understood() -> None:
    found, error = parse(STREAM)
    assert [type(each) for each in found] == [kind for _, kind in GOOD]
    assert error == ""


def test_a_connect_is_read_field_by_field() -> None:
    (connect,), _ = parse(connect_packet(DEVICE, keepalive=30, will=("gone", b"\x00bye"), password="secret"))
    assert isinstance(connect, Connect)
    assert (connect.client_id, connect.keepalive, connect.clean_session) == ("pi-1", 30, True)
    assert connect.will == ("gone", b"\x00bye", False)
    assert connect.user_name == "hub.local/pi-1/?api-version=2021-04-12"
    assert connect.password == "secret"


def test_a_password_is_in_no_repr() -> None:
    (connect,), _ = parse(connect_packet(DEVICE, password="very secret"))
    assert "very secret" not in repr(connect)


def test_a_publish_is_read_field_by_field() -> None:
    found, _ = parse(publish_packet("a/b", b"\x00\xff", qos=1, number=258))
    assert found == [Publish("a/b", b"\x00\xff", 1, 258, retain=False)]


BAD = {
    "type 0": b"\x00\x00",
    "a packet that only a hub sends": b"\x20\x02\x00\x00",
    "PUBREL, which belongs to QoS 2": b"\x62\x02\x00\x01",
    "reserved flags": b"\xc1\x00",
    "a length of five bytes": b"\xc0\x80\x80\x80\x80\x01",
    "a packet above the limit": b"\x30\x81\x08",
    "a ping with a body": b"\xc0\x01\x00",
    "QoS 3": b"\x36\x05\x00\x01a\x00\x01",
    "a publish without a topic": b"\x30\x00",
    "a topic longer than its packet": b"\x30\x03\x00\x09a",
    "a publish of QoS 1 without an id": b"\x32\x03\x00\x01a",
    "packet id 0": publish_packet("a", b"", number=0),
    "an empty topic": publish_packet("", b""),
    "a wildcard in a topic": publish_packet("devices/+/messages/events/", b""),
    "NUL in a topic": publish_packet("a\0b", b""),
    "a topic that is not UTF-8": publish_packet(b"\xff\xfe", b""),
    "a surrogate in a topic": publish_packet(b"\xed\xa0\x80", b""),
    "a subscription to nothing": packet(0x82, b"\x00\x01"),
    "a subscription of QoS 3": packet(0x82, b"\x00\x01" + text("a") + b"\x03"),
    "a hundred subscriptions": packet(0x82, b"\x00\x01" + (text("a") + b"\x01") * 100),
    "a hundred unsubscriptions": packet(0xA2, b"\x00\x01" + text("a") * 100),
    "another protocol": packet(0x10, text("HTTP") + b"\x04\x02\x00\x00" + text("x")),
    "the reserved flag of CONNECT": packet(0x10, text("MQTT") + b"\x04\x03\x00\x00" + text("x")),
    "a will of QoS 3": packet(0x10, text("MQTT") + b"\x04\x1e\x00\x00" + text("x") + text("t") + text("")),
    "a will's QoS without a will": packet(0x10, text("MQTT") + b"\x04\x0a\x00\x00" + text("x")),
    "a password without a name": packet(0x10, text("MQTT") + b"\x04\x42\x00\x00" + text("x") + text("p")),
    "a CONNECT that ends early": packet(0x10, text("MQTT") + b"\x04\x02\x00"),
    "a CONNECT with something behind": packet(0x10, text("MQTT") + b"\x04\x02\x00\x00" + text("x") + b"!"),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_what_breaks_the_protocol_is_refused_with_a_reason(data: bytes) -> None:
    found, error = parse(STREAM + data)
    assert len(found) == len(GOOD)
    assert error != ""


@pytest.mark.parametrize(("name", "level"), [("MQTT", 5), ("MQTT", 3), ("MQIsdp", 3)])
def test_another_version_of_mqtt_is_told_apart_from_nonsense(name: str, level: int) -> None:
    parser = Parser(MOST)
    parser.feed(packet(0x10, text(name) + bytes((level, 2, 0, 0)) + text("x")))
    with pytest.raises(WrongProtocolError, match="is spoken here"):
        parser.next()


def test_an_oversize_packet_is_refused_before_its_bytes_have_come() -> None:
    _, error = parse(b"\x30\xff\xff\xff\x7f")
    assert error == f"a packet of 268435455 bytes; at most {MOST} are taken here"


@pytest.mark.parametrize("begun", [b"", b"\x30", b"\x30\x20", b"\x30\x20\x00\x05devic"])
def test_a_connection_that_waits_keeps_no_more_than_what_has_come_of_the_next_packet(begun: bytes) -> None:
    parser = Parser(MOST)
    parser.feed(STREAM + begun)
    while parser.next() is not None:
        pass
    assert bytes(parser._buffer) == begun


@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing_but_a_protocol_error(data: bytes) -> None:
    parse(data)


@given(st.sampled_from([data for data, _ in GOOD]), st.data())
def test_a_damaged_packet_raises_nothing_but_a_protocol_error(good: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(good) - 1))
    parse(good[:place] + data.draw(st.binary(max_size=4)) + good[place + 1 :])


@given(st.lists(st.sampled_from([data for data, _ in GOOD] + list(BAD.values())), max_size=6), st.data())
def test_it_does_not_matter_how_the_bytes_are_cut(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert parse(*pieces) == parse(stream)


@pytest.mark.parametrize("length", [0, 1, 127, 128, 16383, 16384, 2097151, 2097152])
def test_a_length_is_written_as_the_parser_reads_it(length: int) -> None:
    sent = packets.publish("t", b"x" * length)
    (found,), _ = parse(sent, most=length + 16)
    assert isinstance(found, Publish)
    assert (found.topic, len(found.payload)) == ("t", length)
