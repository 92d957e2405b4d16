from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from pi_auto.client.appliance.errors import SetupFailed
from pi_auto.client.appliance.release import unpack, version_of

METHOD, FLAGS = (8, 10), (6, 8)  # where they stand in a member's own header and in the directory's entry


def packed(method: int = zipfile.ZIP_DEFLATED) -> bytearray:
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", method) as opened:
        opened.writestr("appliance/version", "1.0\n" * 30)
    return bytearray(octets.getvalue())


def with_octet(places: tuple[int, int], octet: int) -> bytearray:
    damaged = packed()
    damaged[places[0]] = damaged[damaged.index(b"PK\1\2") + places[1]] = octet
    return damaged


def of_junk() -> bytearray:
    damaged = packed()
    begin = damaged.index(b"version") + len("version")
    damaged[begin : begin + 4] = b"\xff\xff\xff\xff"
    return damaged


def without_a_name() -> bytearray:
    damaged = packed()
    entry = damaged.index(b"PK\1\2")
    damaged[entry + 28] = 0  # the length of its name
    damaged[entry + 30] = len("appliance/version")  # which counts as something extra now
    return damaged


DAMAGED = {
    "a file without a name": without_a_name(),
    "a way to pack that nobody knows": with_octet(METHOD, 99),
    "a password that nobody has": with_octet(FLAGS, 1),
    "bytes that cannot be unpacked": of_junk(),
    "no end": packed()[:-30],
    "an offset before its beginning": packed()[9:],
}


@pytest.mark.parametrize("octets", DAMAGED.values(), ids=DAMAGED)
def test_a_release_that_the_disk_has_damaged_is_refused_by_a_sentence(tmp_path: Path, octets: bytes) -> None:
    archive = tmp_path / "pi_auto_client.py"
    archive.write_bytes(octets)
    with pytest.raises(SetupFailed, match=r"copy pi_auto_client\.py again"):
        version_of(archive)
    with pytest.raises(SetupFailed, match=r"copy pi_auto_client\.py again"):
        unpack(archive, tmp_path / "opt")
