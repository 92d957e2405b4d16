"""The update that turns an old client into a new one: what is inside, and what is refused."""

from __future__ import annotations

import ast
import io
import subprocess
import zipfile
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import pytest

from pi_auto.server.admin.installer import with_card
from pi_auto.server.context import now_utc
from pi_auto.server.legacy.package import pack
from pi_auto.server.trust.fleet import open_fleet
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.server_address import ServerAddress
from support.releases import release_of

INSTALLER = (Path(__file__).parents[3] / "install" / "install_pi_client.sh").read_text()


@pytest.fixture(scope="module")
def client() -> bytes:
    return release_of("9.1")


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> FleetCard:
    folder = tmp_path_factory.mktemp("fleet") / "data"
    folder.mkdir(mode=0o700)
    return open_fleet(folder, None, None, now_utc()).card([ServerAddress("10.1.2.3", 5443)])


@pytest.fixture(scope="module")
def packed(client: bytes, card: FleetCard) -> bytes:
    """It takes seconds to make."""
    return pack(client, INSTALLER, card)


def program(packed: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == ["pi_auto_client.py"]  # an old client installs no other but config.json
        return archive.read("pi_auto_client.py").decode()


def payload(source: str) -> dict[str, bytes]:
    """What the program carries, read without running it."""
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.AnnAssign) and ast.unparse(statement.target) == "PAYLOAD":
            assert statement.value is not None
            return {name: b64decode(text) for name, text in ast.literal_eval(statement.value).items()}
    raise AssertionError("it carries nothing")


def test_it_carries_the_release_as_it_is_and_the_installer_with_the_card(
    client: bytes, card: FleetCard, packed: bytes
) -> None:
    held = payload(program(packed))
    assert held == {
        "pi_auto_client.py": client,
        "install_pi_client.sh": with_card(INSTALLER, card).encode(),
    }


def test_its_installer_is_a_script_that_bash_can_read(tmp_path: Path, packed: bytes) -> None:
    file = tmp_path / "install.sh"
    file.write_bytes(payload(program(packed))["install_pi_client.sh"])
    assert subprocess.run(["bash", "-n", str(file)], check=False).returncode == 0


def test_it_can_be_read_by_the_python_of_old_machines(packed: bytes) -> None:
    ast.parse(program(packed), feature_version=(3, 7))


def test_twice_gives_the_same_bytes(client: bytes, card: FleetCard) -> None:
    assert pack(client, INSTALLER, card) == pack(client, INSTALLER, card)


def test_a_card_that_lets_devices_in_is_refused(client: bytes, card: FleetCard) -> None:
    with pytest.raises(ValueError, match="whoever asked for this update would have it"):
        pack(client, INSTALLER, replace(card, batch_token="b" * 43))


@pytest.mark.parametrize("other", [b"", b"print('hello')", b"PK\x03\x04"])
def test_a_client_of_no_release_is_refused(card: FleetCard, other: bytes) -> None:
    with pytest.raises(ValueError, match=r"no pi_auto_client\.py of a release"):
        pack(other, INSTALLER, card)


def test_an_installer_of_no_release_is_refused(client: bytes, card: FleetCard) -> None:
    with pytest.raises(ValueError, match="not the installer of a release"):
        pack(client, "#!/bin/sh\n", card)
