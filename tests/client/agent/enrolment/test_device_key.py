"""The device's own key: made once, kept through everything, and given up only when it is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_auto.client.agent.enrolment.device_key import FILE, DeviceKey
from pi_auto.client.agent.enrolment.openssl import OpensslError, is_signed_by
from pi_auto.wire.signed import RENEWAL

ED25519 = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
"""


def damaged(folder: Path) -> list[Path]:
    return list(folder.glob(f"{FILE}.damaged-*"))


def use(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Have this script for an openssl."""
    tools = folder / "tools"
    tools.mkdir()
    (tools / "openssl").write_text(f"#!/bin/sh\n{script}\n")
    (tools / "openssl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))


def test_it_is_made_once_for_its_user_alone(tmp_path: Path) -> None:
    first = DeviceKey(tmp_path)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert DeviceKey(tmp_path).public == first.public
    signed = first.sign(RENEWAL, {"a": 1})
    assert is_signed_by(first.public, signed.signed_bytes, signed.signature)


@pytest.mark.parametrize("content", ["", "nonsense", ED25519, "-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_what_is_no_key_is_set_aside_for_a_person(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    made = DeviceKey(tmp_path)
    (aside,) = damaged(tmp_path)
    assert aside.read_text() == content
    assert DeviceKey(tmp_path).public == made.public


@pytest.mark.parametrize(
    "script",
    ["exit 127", "echo 'error in the configuration' >&2; exit 1", "kill -9 $$", "echo nothing of the kind"],
)
def test_an_openssl_that_does_not_work_costs_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    kept = DeviceKey(tmp_path).public
    with monkeypatch.context() as patched:
        use(tmp_path, patched, script)
        with pytest.raises((OpensslError, ValueError)):
            DeviceKey(tmp_path)
    assert damaged(tmp_path) == []
    assert DeviceKey(tmp_path).public == kept


def test_a_machine_without_openssl_keeps_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = DeviceKey(tmp_path).public
    with monkeypatch.context() as patched:
        patched.setenv("PATH", "/nowhere")
        with pytest.raises(OpensslError, match="cannot be run"):
            DeviceKey(tmp_path)
    assert DeviceKey(tmp_path).public == kept


def test_a_key_that_cannot_be_read_just_now_is_not_given_up(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        DeviceKey(tmp_path)
    assert damaged(tmp_path) == []
