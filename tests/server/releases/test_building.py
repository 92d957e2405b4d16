from __future__ import annotations

import io
import zipfile

import pytest

from pi_auto.server.releases.archives import read_archive, with_root
from pi_auto.server.releases.errors import ReleaseError
from support.releases import release_of
from support.signed_releases import BUILT, small_archive

ROOT = b'{"signed":{}}'


def test_the_same_archive_and_root_give_the_same_bytes_which_hold_no_more_than_the_root() -> None:
    archive = read_archive(release_of("2.1.0"), "it")
    built = with_root(archive, ROOT)
    assert (archive.root, built.root) == (None, ROOT)
    assert (
        built.octets == with_root(built, ROOT).octets == with_root(read_archive(archive.octets, "it"), ROOT).octets
    )
    assert (built.version, built.built) == ("2.1.0", BUILT)
    assert built.unpacked == archive.unpacked + len(ROOT)
    assert built.octets.startswith(b"#!/usr/bin/env python3\n")
    with (
        zipfile.ZipFile(io.BytesIO(archive.octets)) as before,
        zipfile.ZipFile(io.BytesIO(built.octets)) as after,
    ):
        added = {name for name in after.namelist() if name not in before.namelist()}
        assert added == {"appliance/update_root.json"}
        assert all(before.read(name) == after.read(name) for name in before.namelist())
        assert after.namelist() == sorted(after.namelist())
        modes = {one.filename: one.external_attr for one in before.infolist()}
        assert all(modes.get(one.filename, one.external_attr) == one.external_attr for one in after.infolist())


def test_the_same_code_is_released_once_more_under_another_version() -> None:
    again = with_root(read_archive(release_of("2.1.0"), "it"), ROOT, "2.1.0+again")
    assert again.version == "2.1.0+again"
    with zipfile.ZipFile(io.BytesIO(again.octets)) as opened:
        assert '__version__ = "2.1.0+again"' in opened.read("pi_auto/version.py").decode()


def packed(*members: tuple[zipfile.ZipInfo, bytes]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for member, content in members:
            archive.writestr(member, content)
    return whole.getvalue()


def member(name: str, mode: int = 0o100644, kind: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.create_system, made.external_attr, made.compress_type = 3, mode << 16, kind
    return made


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"PK\x03\x04 and no more",
        small_archive("2.1.0")[:-30],
        packed((member("../../etc/passwd"), b"x")),
        packed((member("/etc/passwd"), b"x")),
        packed((member("link", 0o120777), b"/etc/passwd")),
        packed((member("bomb", kind=zipfile.ZIP_DEFLATED), bytes(1_000_000))),
        packed((member("no/version"), b"x")),
        packed((member("appliance/version"), b"2.1.0"), (member("appliance/built"), b"yesterday")),
        packed((member("appliance/version"), b"../2"), (member("appliance/built"), b"1")),
        packed((member("appliance/version"), b"v2.0"), (member("appliance/built"), b"1")),
        packed((member("appliance/version"), b"2_0"), (member("appliance/built"), b"1")),
    ],
)
def test_what_is_no_archive_of_a_release_is_refused(octets: bytes) -> None:
    with pytest.raises(ReleaseError, match=r"script/dist|plain files"):
        read_archive(octets, "release.py")
