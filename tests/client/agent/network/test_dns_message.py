from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st
from zeroconf import ServiceInfo
from zeroconf._dns import DNSPointer
from zeroconf._protocol.incoming import DNSIncoming
from zeroconf._protocol.outgoing import DNSOutgoing
from zeroconf.const import _FLAGS_AA, _FLAGS_QR_RESPONSE

from pi_auto.client.agent.network.dns_message import (
    AAAA,
    PTR,
    SRV,
    TXT,
    A,
    Record,
    name_of,
    question,
    records_in,
)

SERVICE = "_pi-auto._tcp.local."
NAME = name_of(SERVICE.removesuffix("."))


def told(info: ServiceInfo) -> bytes:
    """An answer as python-zeroconf packs it."""
    out = DNSOutgoing(_FLAGS_QR_RESPONSE | _FLAGS_AA)
    out.add_answer_at_time(DNSPointer(SERVICE, PTR, 1, 4500, info.name), 0)
    for record in (info.dns_service(), info.dns_text(), *info.dns_addresses()):
        out.add_additional_answer(record)
    return out.packets()[0]


def info(name: str = "one") -> ServiceInfo:
    return ServiceInfo(
        SERVICE, f"{name}.{SERVICE}", port=5443, properties={"fleet": "fxueatbdjpwi3c"}, server="till.local.",
        parsed_addresses=["192.168.7.2", "fd00::2"],
    )  # fmt: skip


def test_an_answer_of_another_ones_library_is_read() -> None:
    one = (b"one", *NAME)
    host = (b"till", b"local")
    assert records_in(told(info())) == [
        Record(NAME, PTR, target=one),
        Record(one, SRV, target=host, port=5443),
        Record(one, TXT, texts=(b"fleet=fxueatbdjpwi3c",)),
        Record(host, A, address="192.168.7.2"),
        Record(host, AAAA, address="fd00::2"),
    ]


def test_a_name_with_a_dot_in_it_is_one_label() -> None:
    assert records_in(told(info("shop.floor two")))[0].target[0] == b"shop"  # which zeroconf itself splits


def test_our_question_is_read_by_another_ones_library() -> None:
    (asked,) = DNSIncoming(question([(NAME, PTR)])).questions
    assert (asked.name, asked.type, asked.unicast) == (SERVICE, PTR, True)


def test_a_question_is_no_answer() -> None:
    assert records_in(question([(NAME, PTR)])) == []


def test_a_name_that_leads_to_itself_ends() -> None:
    head = struct.pack("!6H", 0, 0x8400, 0, 1, 0, 0)
    assert records_in(head + b"\xc0\x0c" + struct.pack("!HHIH", PTR, 1, 1, 0)) == []


def of_pointers(leaps: int) -> bytes:
    """A message whose last record's name is reached by so many pointers, each of which leads to the one before."""
    begin = 12 + 11 + 2  # behind the head, and the head of a record that nobody knows, and the label there
    ladder = b"\1a\0" + b"".join(
        struct.pack("!H", 0xC000 | (begin - 2 if leap == 0 else begin - 1 + 2 * leap)) for leap in range(leaps)
    )
    unknown = b"\0" + struct.pack("!HHIH", 99, 1, 1, len(ladder)) + ladder
    last = ladder[-2:] + struct.pack("!HHIH", A, 1, 1, 4) + bytes((192, 168, 7, 2))
    return struct.pack("!6H", 0, 0x8400, 0, 2, 0, 0) + unknown + last


def test_a_name_is_not_followed_through_more_pointers_than_a_name_can_have_labels() -> None:
    assert [each.name for each in records_in(of_pointers(127))] == [(b"a",)]
    assert records_in(of_pointers(128)) == []  # thousands in one message would take a small board seconds
    assert records_in(of_pointers(4000)) == []


def test_what_is_read_of_a_message_that_is_cut_off_is_kept() -> None:
    assert [each.kind for each in records_in(told(info())[:-10])] == [PTR, SRV, TXT, A]


@given(st.binary(max_size=600))
def test_any_bytes_are_got_over(octets: bytes) -> None:
    assert len(records_in(octets)) <= 64
    assert len(records_in(struct.pack("!6H", 0, 0x8400, 0, 9, 0, 0) + octets)) <= 9


@given(st.data())
def test_any_answer_with_some_bytes_changed_is_got_over(data: st.DataObject) -> None:
    octets = bytearray(told(info()))
    for _ in range(data.draw(st.integers(1, 8))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    for record in records_in(bytes(octets)):
        assert sum(len(label) + 1 for label in record.name) <= 255
