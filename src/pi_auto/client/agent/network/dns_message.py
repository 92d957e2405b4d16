"""As much of a DNS message as mDNS needs: a question goes out, records come in. Pure.

Source: RFC 1035 4.1, RFC 6762 5.4. Anybody on the network may have sent the bytes: a message that
makes no sense yields the records before that point, and raises nothing. Names are tuples of
labels in lower case, since a label may hold a dot.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address

A, PTR, TXT, AAAA, SRV = 1, 12, 16, 28, 33
MOST_OCTETS = 9000  # RFC 6762 17
_IN, _UNICAST = 1, 0x8000  # the class; asks for an answer to the asker alone (QU)
_CLASS = 0x7FFF  # without the bit that mDNS uses for itself
_MOST_RECORDS, _MOST_NAME = 64, 255
_MOST_LEAPS = 127  # pointers of one name: as many as it has labels at most
_POINTER = 0xC0
_HEAD, _FIXED, _SERVICE = struct.Struct("!6H"), struct.Struct("!HHIH"), struct.Struct("!HHH")

Name = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """What is said of a name: `target` by PTR and SRV, `port` by SRV, `address` by A and AAAA, `texts` by TXT."""

    name: Name
    kind: int
    target: Name = ()
    port: int = 0
    address: str = ""
    texts: tuple[bytes, ...] = ()


class _SenselessError(Exception):
    """The bytes cannot be read on."""


def name_of(text: str) -> Name:
    """The name that a text with dots is."""
    return tuple(text.lower().encode().split(b"."))


def question(wanted: Iterable[tuple[Name, int]]) -> bytes:
    """The message that asks for them."""
    asked = [
        b"".join(bytes((len(label),)) + label for label in name) + b"\0" + struct.pack("!HH", kind, _IN | _UNICAST)
        for name, kind in wanted
    ]
    return _HEAD.pack(0, 0, len(asked), 0, 0, 0) + b"".join(asked)


def records_in(octets: bytes) -> list[Record]:
    """Those of an answer, of the kinds that are known here."""
    found: list[Record] = []
    with suppress(_SenselessError, struct.error, IndexError):
        found.extend(_records(octets))
    return found


def _records(octets: bytes) -> Iterator[Record]:
    if len(octets) > MOST_OCTETS:
        return
    _, flags, questions, *counts = _HEAD.unpack_from(octets)
    if not flags & 0x8000:  # another one's question
        return
    at = _HEAD.size
    for _ in range(min(questions, _MOST_RECORDS)):
        at = _name(octets, at)[1] + 4
    for _ in range(min(sum(counts), _MOST_RECORDS)):
        name, at = _name(octets, at)
        kind, space, _, length = _FIXED.unpack_from(octets, at)
        at += _FIXED.size
        if at + length > len(octets):
            raise _SenselessError
        if space & _CLASS == _IN and (record := _record(octets, at, length, name, kind)):
            yield record
        at += length


def _record(octets: bytes, at: int, length: int, name: Name, kind: int) -> Record | None:
    body = octets[at : at + length]
    if kind == PTR:
        return Record(name, kind, target=_name(octets, at)[0])
    if kind == SRV:
        _, _, port = _SERVICE.unpack_from(body)
        return Record(name, kind, target=_name(octets, at + _SERVICE.size)[0], port=port)
    if (kind, length) in ((A, 4), (AAAA, 16)):
        return Record(name, kind, address=str(ip_address(body)))
    if kind == TXT:
        return Record(name, kind, texts=tuple(_texts(body)))
    return None


def _texts(body: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(body):
        end = at + 1 + body[at]
        yield body[at + 1 : end]
        at = end


def _name(octets: bytes, at: int) -> tuple[Name, int]:
    """The name that begins there, and where what follows it begins. Pointers lead back only, so that it ends.

    It ends soon, too: a message of nothing but pointers to pointers would take seconds on a small board.
    """
    labels: list[bytes] = []
    after, floor, size, leaps = 0, at, 0, 0
    while length := octets[at]:
        if length & _POINTER == _POINTER:
            after = after or at + 2
            at = (length & ~_POINTER) << 8 | octets[at + 1]
            leaps += 1
            if at >= floor or leaps > _MOST_LEAPS:
                raise _SenselessError
            floor = at
            continue
        label = octets[at + 1 : at + 1 + length]
        size += 1 + length
        if length & _POINTER or len(label) < length or size > _MOST_NAME:
            raise _SenselessError
        labels.append(label.lower())
        at += 1 + length
    return tuple(labels), after or at + 1
