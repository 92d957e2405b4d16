from __future__ import annotations

from pathlib import Path

import pytest

from pi_auto.client.agent.enrolment.openssl import OpensslError, is_signed_by, new_key, public_of, sign
from pi_auto.wire.errors import FieldError
from support.device_keys import DeviceKey


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "key.pem"
    file.write_bytes(new_key())
    return file


def test_what_one_key_signs_is_good_for_its_public_half_alone(key: Path, tmp_path: Path) -> None:
    signature = sign(key, b"a message")
    public = public_of(key.read_bytes(), "key")
    assert is_signed_by(public, b"a message", signature)
    assert not is_signed_by(public, b"another message", signature)
    assert not is_signed_by(DeviceKey(tmp_path).public, b"a message", signature)


@pytest.mark.parametrize("spoilt", [b"", b"\x30", b"\x00" * 72, b"x" * 4000])
def test_what_is_no_signature_is_not_good(key: Path, spoilt: bytes) -> None:
    assert not is_signed_by(public_of(key.read_bytes(), "key"), b"a message", spoilt)


def test_every_key_is_another(key: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(new_key())
    assert public_of(key.read_bytes(), "key") != public_of(other.read_bytes(), "other")


def test_a_file_that_is_no_key_is_named(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(OpensslError, match="openssl pkey ended with 1"):
        public_of(file.read_bytes(), "file")


def test_a_key_on_another_curve_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(ED25519)
    with pytest.raises(FieldError, match="P-256"):
        public_of(file.read_bytes(), "file")


def test_a_machine_without_openssl_is_told_so(key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(OpensslError, match="cannot be run"):
        sign(key, b"a message")


ED25519 = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
"""
