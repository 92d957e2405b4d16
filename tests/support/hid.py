"""Report descriptors of HID devices as their makers publish them, and the reports that go with them.

Sources: the input report tables in the manuals of Honeywell and Access-IS (report id 2, length, three AIM
bytes, 56 of data, code id, continuation), of Newland, ID TECH and Unitech (report id 2, length, 56 of data,
4 reserved, symbology, continuation) and of IBM's OEM point-of-sale devices (usage page 0xFF45); the usages
are those of the HID Point of Sale Usage Tables 1.02.
"""

from __future__ import annotations

HONEYWELL = bytes.fromhex(
    "058c 0902 a101"  # page: bar code scanner; application: bar code scanner
    "0912 a102 8502 1500 26ff00 7508"  # scanned data report, id 2, bytes
    "9501 0501 093b 8102"  # byte count
    "9503 058c 09fb 09fc 09fd 8102"  # symbology identifiers
    "9538 09fe 820201"  # 56 bytes of decoded data, buffered
    "0666ff 9502 0904 0900 8102"  # of the maker: code id, reserved
    "058c 2501 7501 9508 09ff 8102 c0"  # eight flags: decoded data continued
    "0914 a102 8504 1500 2501 7501 9508 0900 095f 0960 9186 c0"  # trigger report, an output
    "0666ff 7508 26ff00 0901 a102 85fd 9501 0921 9102 953e 0922 928201 c0 c0"
)
NEWLAND = bytes.fromhex(
    "058c 0902 a101 0912 a102 8502 1500 26ff00 7508"
    "9501 0501 093b 8102"
    "058c 9538 09fe 820201"
    "0600ff 9505 0901 8102"  # of the maker: four reserved, symbology
    "058c 2501 7501 9501 09ff 8102 9507 8103"  # one flag and seven bits of padding
    "c0 c0"
)
NO_LENGTH = bytes.fromhex(  # unnumbered, three AIM bytes, 61 of data padded with NUL, no flag
    "058c 0902 a101 1500 26ff00 7508 9503 09fb 09fc 09fd 8102 953d 09fe 820201 c0"
)
IBM_HAND_HELD = bytes.fromhex("0645ff 0a004b a101 0a014a 7508 950b 1500 26ff00 9102 0a024a 9540 8102 c0")
IBM_TABLE_TOP = IBM_HAND_HELD.replace(b"\x0a\x00\x4b", b"\x0a\x00\x4a", 1)
REM = HONEYWELL.replace(b"\x05\x8c\x09\x02\xa1", b"\x06\x8c\xff\x09\x02\xa1", 1)  # answers to commands, no codes
KEYBOARD = bytes.fromhex(  # HID 1.11, appendix E.6: the boot keyboard
    "0501 0906 a101 0507 19e0 29e7 1500 2501 7501 9508 8102 9501 7508 8103"
    "9505 7501 0508 1901 2905 9102 9501 7503 9103 9506 7508 1500 2565 0507 1900 2965 8100 c0"
)
SYMBOL_SERIAL = bytes.fromhex("0600ff 0901 a101 0902 1500 26ff00 7508 9540 8102 c0")

REPORT_BYTES, DATA_BYTES = 64, 56


def honeywell(data: bytes, *, aim: bytes = b"]Q1", more: bool = False, length: int | None = None) -> bytes:
    """One report of such a scanner."""
    head = bytes([2, len(data) if length is None else length]) + aim
    return (head + data.ljust(DATA_BYTES, b"\0") + b"s\0").ljust(REPORT_BYTES - 1, b"\0") + bytes([more])


def newland(data: bytes, *, more: bool = False, length: int | None = None) -> bytes:
    """One report of such a scanner."""
    head = bytes([2, len(data) if length is None else length])
    return (head + data.ljust(DATA_BYTES, b"\0")).ljust(REPORT_BYTES - 1, b"\0") + bytes([more])


def honeywell_reports(code: bytes, *, aim: bytes = b"]Q1") -> list[bytes]:
    """A whole code, in as many reports as it takes."""
    pieces = [code[at : at + DATA_BYTES] for at in range(0, max(len(code), 1), DATA_BYTES)]
    return [honeywell(piece, aim=aim, more=piece is not pieces[-1]) for piece in pieces]


def newland_reports(code: bytes) -> list[bytes]:
    """A whole code, in as many reports as it takes."""
    pieces = [code[at : at + DATA_BYTES] for at in range(0, max(len(code), 1), DATA_BYTES)]
    return [newland(piece, more=piece is not pieces[-1]) for piece in pieces]
