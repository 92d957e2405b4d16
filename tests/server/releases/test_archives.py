from __future__ import annotations

import io
import zipfile

import pytest

from pi_auto.server.releases.archives import read_archive, with_root
from pi_auto.server.releases.errors import ReleaseError


def archive(built: str = "1764500000") -> bytearray:
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w") as opened:
        for name, text in (("appliance/version", "1.0"), ("appliance/built", built)):
            member = zipfile.ZipInfo(name)
            member.external_attr = 0o100644 << 16
            opened.writestr(member, text)
    return bytearray(octets.getvalue())


def with_octet(place: int, octet: int) -> bytearray:
    damaged = archive()
    damaged[damaged.index(b"PK\1\2") + place] = octet
    return damaged


def test_what_an_archive_says_of_itself_is_read() -> None:
    read = read_archive(bytes(archive()), "it")
    assert (read.version, read.built, read.unpacked) == ("1.0", 1764500000, 13)


@pytest.mark.parametrize("before", [b"", b"#!/usr/bin/env python3\n", b"#! without an end"])
def test_the_root_of_a_fleet_is_put_into_it(before: bytes) -> None:
    made = with_root(read_archive(before + bytes(archive()), "it"), b"{}")
    assert (made.version, made.root) == ("1.0", b"{}")
    assert made.octets.startswith(b"#!") is before.endswith(b"\n")


@pytest.mark.parametrize(
    "octets",
    [
        archive("9" * 5000), archive("9" * 30), archive("\u0663"), archive()[:-30], archive()[20:], b"",
        with_octet(6, 99), with_octet(28, 0), with_octet(30, 9), with_octet(42, 0xFF),
    ],
)  # fmt: skip
def test_what_is_none_is_refused_by_a_sentence(octets: bytes) -> None:
    with pytest.raises(ReleaseError, match="script/dist"):
        read_archive(bytes(octets), "it")
