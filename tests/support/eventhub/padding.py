"""Pads the performatives of AMQP frames with the nulls that proton leaves out and azure-eventhub counts on.

Both are right by the specification, which lets a sender omit trailing nulls; Microsoft's service
writes them. Pure: octets in, octets out. It runs under the system's Python beside proton.
"""

from __future__ import annotations

import struct

HEADER = b"AMQP"
# AMQP 1.0, part 2.7: how many fields each performative has, by its descriptor's code.
_FIELDS = {0x10: 10, 0x11: 8, 0x12: 14, 0x13: 11, 0x14: 11, 0x15: 6, 0x16: 3, 0x17: 1, 0x18: 1}
_NULL = b"\x40"
_DEFAULTS = {(0x11, 4): b"\x70\xff\xff\xff\xff"}  # handle-max of begin, which azure-eventhub compares with
_LIST0, _LIST8, _LIST32 = 0x45, 0xC0, 0xD0
_AMQP_FRAME = 0
_HEADER_SIZE = 8


def split(octets: bytes) -> tuple[list[bytes], bytes]:
    """The whole frames (and protocol headers) in octets, and what is left of one that is not whole yet."""
    frames = []
    while len(octets) >= _HEADER_SIZE:
        size = _HEADER_SIZE if octets.startswith(HEADER) else struct.unpack_from(">I", octets)[0]
        if len(octets) < size:
            break
        frames.append(octets[:size])
        octets = octets[size:]
    return frames, octets


def padded(frame: bytes) -> bytes:
    """The frame with all fields of its performative."""
    if frame.startswith(HEADER) or len(frame) == _HEADER_SIZE or frame[5] != _AMQP_FRAME:
        return frame
    start = 4 * frame[4]
    code = frame[start + 2]  # after 0x00 0x53, a described type named by a small ulong
    count, items, rest = _list(frame[start + 3 :])
    number = max(count, _FIELDS.get(code, count))
    fields = items + b"".join(_DEFAULTS.get((code, place), _NULL) for place in range(count, number))
    performative = frame[start : start + 3] + struct.pack(">BII", _LIST32, len(fields) + 4, number) + fields
    body = frame[4:start] + performative + rest
    return struct.pack(">I", len(body) + 4) + body


def _list(octets: bytes) -> tuple[int, bytes, bytes]:
    """How many items a list has, their octets, and what follows it."""
    if octets[0] == _LIST0:
        return 0, b"", octets[1:]
    if octets[0] == _LIST8:
        size, count = octets[1], octets[2]
        return count, octets[3 : 2 + size], octets[2 + size :]
    if octets[0] == _LIST32:
        size, count = struct.unpack_from(">II", octets, 1)
        return count, octets[9 : 5 + size], octets[5 + size :]
    raise ValueError(f"0x{octets[0]:02x} begins no list")
