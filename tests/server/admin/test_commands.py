"""The commands of an administrator, as processes, before a server that runs and without one."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from pi_auto.server.admin.installer import with_card
from pi_auto.server.admin.socket import MOST, socket_file
from pi_auto.wire.fleet_card import FleetCard
from support.administrator import over_tls, run, say
from support.server import UNTRUSTED, RunningServer, running_server

ROOT = Path(__file__).parents[3]
INSTALLER = ROOT / "install" / "install_pi_client.sh"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    options = ("--server-name", "fleet.local", "--server-name", "10.1.2.3")
    with running_server(tmp_path_factory.mktemp("admin"), *options) as running:
        yield running


def test_the_first_link_lies_in_a_file_until_it_is_used(server: RunningServer) -> None:
    file = server.data / "trust" / "admin-link"
    link = urlsplit(file.read_text().strip())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert link.netloc == f"fleet.local:{server.https.rpartition(':')[2]}"
    assert link.query not in server.said()
    form = {"Content_Type": "application/x-www-form-urlencoded", "Sec_Fetch_Site": "same-origin"}
    secret = link.query.removeprefix("link=")
    status, cookie = over_tls(server, "POST", "/login", urlencode({"link": secret}), **form)
    assert status == 303
    assert cookie.startswith("__Host-pi_auto_session=")
    assert not file.exists()


def test_a_link_and_a_token_are_made_and_the_token_is_revoked(server: RunningServer) -> None:
    assert say(server.data, "operator", "link").startswith("https://fleet.local:")
    token = say(server.data, "operator", "token-create", "till", "--scopes", "read,devices", "--days", "30")
    assert over_tls(server, "GET", "/api/scans", Authorization=f"Bearer {token}")[0] == 200
    assert "till" in say(server.data, "operator", "token-list")
    assert token not in say(server.data, "operator", "token-list")
    say(server.data, "operator", "token-revoke", "till")
    assert over_tls(server, "GET", "/api/scans", Authorization=f"Bearer {token}")[0] == 401
    again = run(server.data, "operator", "token-revoke", "till")
    assert again.returncode == 2
    assert "a token that is good" in again.stderr


def test_the_card_names_the_server_and_may_hold_a_batch_token(server: RunningServer) -> None:
    port = int(server.https.rpartition(":")[2])
    card = FleetCard.from_json(json.loads(say(server.data, "fleet", "card")))
    assert [(one.host, one.port) for one in card.servers] == [("fleet.local", port), ("10.1.2.3", port)]
    assert card.batch_token is None
    told = say(server.data, "fleet", "card", "--batch", "spring", "--most", "5", "--address", "192.0.2.7:6000",
               "--address", "public:fleet.example.org:443")  # fmt: skip
    other = FleetCard.from_json(json.loads(told))
    assert other.batch_token
    assert [(str(one), one.certificate) for one in other.servers] == [
        ("192.0.2.7:6000", "fleet"), ("fleet.example.org:443", "public"),
    ]  # fmt: skip
    assert (other.fleet_id, other.ca) == (card.fleet_id, card.ca)


def test_the_installer_holds_the_card_and_is_still_a_script(server: RunningServer, tmp_path: Path) -> None:
    made = tmp_path / "install_pi_client.sh"
    words = ("--installer", str(INSTALLER), "--output", str(made), "--batch", "summer")
    assert "copy it and pi_auto_client.py" in say(server.data, "fleet", "installer", *words)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert subprocess.run(["bash", "-n", str(made)], check=False).returncode == 0
    shown = made.read_text().replace('main "$@"', 'printf %s "$PI_AUTO_FLEET_CARD"')
    told = subprocess.run(["bash", "-c", shown], capture_output=True, text=True, check=True).stdout
    card = FleetCard.parse(b64decode(told))
    assert card.batch_token
    again = with_card(made.read_text(), card)
    assert again == made.read_text()


@pytest.mark.parametrize("script", ["", "#!/bin/sh\n", "#!/bin/bash\nset -euo pipefail\nset -euo pipefail\n"])
def test_another_script_is_no_installer(server: RunningServer, tmp_path: Path, script: str) -> None:
    other = tmp_path / "other.sh"
    other.write_text(script)
    words = ("--installer", str(other), "--output", str(tmp_path / "made.sh"))
    ended = run(server.data, "fleet", "installer", *words)
    assert ended.returncode == 1
    assert "not the installer of a release" in ended.stderr
    assert not (tmp_path / "made.sh").exists()


def test_without_a_named_installer_the_servers_own_is_taken(server: RunningServer, tmp_path: Path) -> None:
    made = [tmp_path / "named.sh", tmp_path / "own.sh"]
    say(server.data, "fleet", "installer", "--installer", str(INSTALLER), "--output", str(made[0]))
    say(server.data, "fleet", "installer", "--output", str(made[1]))
    assert made[0].read_text() == made[1].read_text()


def test_the_policy_is_shown_and_set_and_devices_are_granted_and_named(server: RunningServer) -> None:
    assert say(server.data, "enrolment", "policy") == "approve"
    assert say(server.data, "enrolment", "policy", "closed") == "closed"
    assert say(server.data, "enrolment", "policy", "approve") == "approve"
    assert say(server.data, "enrolment", "pending") == "no device waits"
    assert say(server.data, "enrolment", "preauthorise", "100000001a2b3c4d").startswith("once_")
    assert say(server.data, "enrolment", "batch-create", "autumn", "--most", "7").startswith("batch_")
    assert say(server.data, "enrolment", "batch-end", "autumn") == "ended"
    for words, wrong in (
        (("revoke", "pi-00000000"), "device_id"),
        (("lift", "pi-00000000"), "device_id"),
        (("decommission", "pi-00000000"), "device_id"),
        (("approve", "100000001a2b3c4d", "abcdefab"), "fingerprint"),
        (("batch-end", "autumn"), "name"),
        (("batch-create", "autumn"), "name"),
        (("preauthorise", "../x"), "serial"),
    ):
        ended = run(server.data, "enrolment", *words)
        assert ended.returncode == 2, words  # as where the parser of the command line refuses it
        assert f"{wrong} is " in ended.stderr, words
        assert "allowed:" in ended.stderr, words


def test_the_socket_is_for_the_servers_user_alone_and_takes_no_nonsense(server: RunningServer) -> None:
    path = socket_file(server.data)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for nonsense in (b"\n", b"[]\n", b'{"request":"root"}\n', b'{"request":7}\n', b"x" * (MOST + 10) + b"\n"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(20)
            folder = os.open(path.parent, os.O_PATH)
            try:
                connection.connect(f"/proc/self/fd/{folder}/{path.name}")
            finally:
                os.close(folder)
            try:
                connection.sendall(nonsense)
            except OSError:
                continue
            assert "refused" in json.loads(connection.recv(65536))
    assert say(server.data, "enrolment", "policy")


def test_without_a_server_the_books_answer(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    card = json.loads(say(data, "fleet", "card", "--address", "192.0.2.7"))
    assert json.loads(say(data, "fleet", "card", "--address", "192.0.2.7")) == card
    assert say(data, "operator", "token-create", "till", "--scopes", "read").startswith("operator_")
    assert say(data, "enrolment", "policy", "batch") == "batch"
    with running_server(tmp_path) as server:
        assert say(server.data, "enrolment", "policy") == "batch"
        assert json.loads(say(data, "fleet", "card", "--address", "192.0.2.7")) == card


@pytest.mark.parametrize(
    "words", [("operator", "link"), ("fleet", "card"), ("release", "online-key"), ("legacy", "list")]
)
def test_a_mistyped_data_folder_is_named_and_no_other_fleet_is_made_there(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    ended = run(tmp_path / "dta", *words)
    assert ended.returncode == 1
    assert (
        ended.stderr
        == f"pi-auto-server: --data is {tmp_path / 'dta'}, which is no folder; name that of the server\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [("operator", "link"), ("fleet", "card"), ("release", "list")])
def test_no_fleet_is_made_among_other_peoples_files(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "holiday.jpg").touch()
    ended = run(tmp_path, *words)
    assert ended.returncode == 1
    assert ended.stderr == (
        f"pi-auto-server: --data is {tmp_path}, which holds other things and no books; name that of the server\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_an_installer_that_cannot_be_read_or_written_is_named(server: RunningServer, tmp_path: Path) -> None:
    gone = tmp_path / "gone" / "install_pi_client.sh"
    for words in (("--installer", str(gone), "--output", str(tmp_path / "made.sh")), ("--output", str(gone))):
        ended = run(server.data, "fleet", "installer", *words)
        assert ended.returncode == 1
        assert ended.stderr == f"pi-auto-server fleet installer: {gone}: No such file or directory\n"


def test_a_server_without_trust_says_that_it_has_no_socket(tmp_path: Path) -> None:
    with running_server(tmp_path, *UNTRUSTED) as server:
        ended = run(server.data, "fleet", "card")
        assert ended.returncode == 1
        assert "in use by another server" in ended.stderr
