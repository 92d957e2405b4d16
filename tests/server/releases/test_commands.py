from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from pi_auto.server.cli import main
from pi_auto.server.releases import keyfiles
from pi_auto.server.releases.desk import Desk
from pi_auto.server.releases.roles import follow
from support.administrator import over_tls, say
from support.server import RunningServer
from support.signed_releases import PASSPHRASE, small_archive


def command(*words: object, code: int = 0) -> str:
    """What a command of releases says; in this process, since a test has many of them."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        ended = main(["release", *map(str, words)])
    assert ended == code, err.getvalue() + out.getvalue()
    return out.getvalue() if code == 0 else err.getvalue()


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys' files that are made fast: scrypt is slow, which is its purpose."""
    monkeypatch.delenv("PI_AUTO_DATA", raising=False)
    monkeypatch.setattr(keyfiles, "WORK", 4)


@pytest.fixture
def online(tmp_path: Path) -> Path:
    key = CryptoSigner.generate_ed25519().public_key
    (tmp_path / "online.json").write_text(json.dumps({"keyid": key.keyid} | key.to_dict()))
    return tmp_path / "online.json"


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    file = tmp_path / "passphrase"
    file.write_text(PASSPHRASE + "\n")
    file.chmod(0o600)
    return file


@pytest.mark.parametrize("where", ["data", "data/below", "above"])
def test_keys_are_refused_wherever_a_server_has_its_data(tmp_path: Path, online: Path, where: str) -> None:
    data = tmp_path / ("above/data" if where == "above" else "data")
    data.mkdir(parents=True)
    (data / "books.sqlite").touch()
    said = command("keys", "init", tmp_path / where, "--online-key", online, code=1)
    assert "a server's data folder" in said
    assert [path.name for path in data.rglob("*")] == ["books.sqlite"]


def test_keys_are_refused_in_the_folder_that_the_environment_names(
    tmp_path: Path, online: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PI_AUTO_DATA", str(tmp_path / "d"))
    said = command("keys", "init", tmp_path / "d/keys", "--online-key", online, code=1)
    assert "must lie on no server" in said


def test_key_files_hold_no_key_in_the_clear_and_open_by_the_passphrase_alone(
    tmp_path: Path, online: Path, passphrase: Path
) -> None:
    desk, archive = tmp_path / "desk", tmp_path / "client.py"
    command("keys", "init", desk, "--online-key", online, "--passphrase-file", passphrase)
    files = sorted((desk / "keys").iterdir())
    assert [file.name for file in files] == ["root-1.v1.json", "targets-1.v1.json"]
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)
    assert b"PRIVATE" not in b"".join(file.read_bytes() for file in files)
    archive.write_bytes(small_archive("2.1.0"))
    command("build", desk, "--archive", archive, "--output", tmp_path / "built.py")
    (tmp_path / "wrong").write_text("another passphrase")
    (tmp_path / "wrong").chmod(0o600)
    said = command(
        "sign", desk, "--archive", tmp_path / "built.py", "--passphrase-file", tmp_path / "wrong", code=1
    )
    assert "the passphrase is wrong" in said


def test_a_passphrase_that_others_can_read_or_that_is_short_is_refused(
    tmp_path: Path, online: Path, passphrase: Path
) -> None:
    passphrase.chmod(0o644)
    words = ("keys", "init", tmp_path / "desk", "--online-key", online, "--passphrase-file", passphrase)
    assert "chmod 600" in command(*words, code=1)
    passphrase.write_text("short")
    passphrase.chmod(0o600)
    assert "12 characters or more" in command(*words, code=1)
    assert not (tmp_path / "desk").exists()


def test_without_a_terminal_and_a_file_nobody_is_asked(tmp_path: Path, online: Path) -> None:
    said = command("keys", "init", tmp_path / "desk", "--online-key", online, code=1)
    assert "--passphrase-file" in said


def test_two_of_three_sign_one_after_the_other_each_with_one_key(
    tmp_path: Path, online: Path, passphrase: Path
) -> None:
    desk, archive, away = tmp_path / "desk", tmp_path / "client.py", tmp_path / "away"
    init = ("keys", "init", desk, "--online-key", online, "--threshold", 2, "--keys", 3)
    command(*init, "--passphrase-file", passphrase)
    (desk / "keys").rename(away)
    archive.write_bytes(small_archive("2.1.0"))
    command("build", desk, "--archive", archive, "--output", archive)
    first = ("--key", away / "targets-1.v1.json", "--passphrase-file", passphrase)
    assert "waits for signatures: targets version 2 (1 more)" in command(
        "sign", desk, "--archive", archive, *first
    )
    assert "waits for" in command("sign", desk, *first)
    second = ("--key", away / "targets-3.v1.json", "--passphrase-file", passphrase)
    assert "signed; carry" in command("sign", desk, *second)
    assert Desk(desk).waiting() == []


def test_a_signer_of_securesystemslib_signs_in_place_of_a_key_file(
    tmp_path: Path, online: Path, passphrase: Path
) -> None:
    signer = CryptoSigner.generate_ed25519()
    secret, public = tmp_path / "hsm.pem", tmp_path / "hsm.json"
    secret.write_bytes(signer.private_bytes)
    public.write_text(json.dumps({"keyid": signer.public_key.keyid} | signer.public_key.to_dict()))
    desk = tmp_path / "desk"
    init = ("keys", "init", desk, "--online-key", online, "--root-key", public, "--passphrase-file", passphrase)
    assert "waits for signatures: root version 1" in command(*init)
    assert [file.name for file in (desk / "keys").iterdir()] == ["targets-1.v1.json"]
    assert "signed" in command("sign", desk, "--signer", f"file2:{secret}", "--public-key", public)
    assert follow(Desk(desk).roots()).version == 1
    unknown = command("sign", desk, "--signer", "abacus:1", "--public-key", public, code=1)
    assert "the signer abacus cannot be used" in unknown


def test_rotated_and_renewed_keys_make_a_chain_of_roots(tmp_path: Path, online: Path, passphrase: Path) -> None:
    desk, secret = tmp_path / "desk", ("--passphrase-file", passphrase)
    command("keys", "init", desk, "--online-key", online, *secret)
    assert "signed" in command("keys", "rotate", desk, "--role", "root", "--role", "targets", *secret)
    assert "signed" in command("keys", "renew", desk, "--role", "root", *secret)
    assert "signed" in command("keys", "renew", desk, "--role", "targets", *secret)
    assert follow(Desk(desk).roots()).version == 3
    assert Desk(desk).waiting() == []


def test_a_file_that_is_no_root_is_told_with_what_it_lacks(tmp_path: Path, online: Path) -> None:
    said = command("adopt-root", online, "--data", tmp_path, code=1)
    assert "is no TUF metadata: 'signed' is missing" in said


def test_the_first_keys_lead_to_a_release_that_the_running_server_serves(tmp_path: Path, passphrase: Path) -> None:
    desk, archive, data = tmp_path / "desk", tmp_path / "client.py", tmp_path / "data"
    archive.write_bytes(small_archive("2.1.0"))
    options = ("--http", "off", "--trust", "on", "--https", "127.0.0.1:0", "--hub-mqtt", "off")
    server = RunningServer(data, tmp_path / "log", *options)
    try:
        (tmp_path / "online.json").write_text(command("online-key", "--data", data))
        command("keys", "init", desk, "--online-key", tmp_path / "online.json", "--passphrase-file", passphrase)
        built = command("build", desk, "--archive", archive, "--output", archive)
        assert "version  2.1.0\ncounter  1\nsha256   " in built
        command("sign", desk, "--archive", archive, "--notes", "the first", "--passphrase-file", passphrase)
        there = ("--data", data)
        refused = command("publish", desk, *there, code=1)
        assert "secret key" in refused
        assert "published: 2.1.0; root version 1" in command("publish", desk / "bundle", *there)
        assert "2.1.0                counter 1" in command("list", *there)
        assert json.loads(say(data, "fleet", "card"))["update_root"] == Desk(desk).roots()[0].decode()
        for path in ("metadata/timestamp.json", "download_update?update_id=" + "0" * 64):
            assert over_tls(server, "GET", f"/api/ota/{path}")[0] == 401
        assert "offered no more" in command("withdraw", "2.1.0", *there)
        assert ", withdrawn " in command("list", *there)
    finally:
        server.stop()
    assert not list((data / "releases" / "incoming").iterdir())
