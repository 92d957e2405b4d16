"""The fleet card, handed over by the installer: whose device it is, and what lets it in, each where it belongs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pi_auto.server.admin.installer import with_card
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.server_address import ServerAddress
from support.box import Box
from support.fleet_home import FleetHome

CARD, TOKEN_FILE = "/etc/pi_auto_fleet.json", "/var/lib/pi-auto-client/agent/batch_token"
TOKEN = "batch_" + "q7Zx-_w" * 6 + "c"
INSTALL = "./install_pi_client.sh --card fleet.json"
Make = Callable[..., FleetCard]


@pytest.fixture
def card(tmp_path: Path) -> Make:
    """Makes the card of a fleet of this name, the same each time."""
    homes: dict[str, FleetHome] = {}

    def make(name: str = "ours", token: str | None = TOKEN) -> FleetCard:
        if name not in homes:
            (tmp_path / name).mkdir()
            homes[name] = FleetHome(tmp_path / name)
        return homes[name].fleet.card((ServerAddress("fleet.local"),), token)

    return make


def give(box: Box, card: FleetCard) -> None:
    box.write("/home/pi/fleet.json", json.dumps(card.to_json()), mode=0o600)


def installed(box: Box, command: str = INSTALL) -> str:
    code, said = box.run(command)
    assert code == 0, said
    return said


def holding(box: Box, text: str) -> list[str]:
    """The files that hold a text, but for what was copied to the machine."""
    return [
        str(path.relative_to(box.path("/")))
        for path in sorted(box.path("/").rglob("*"))
        if path.is_file() and "home/pi" not in str(path) and text.encode() in path.read_bytes()
    ]


def test_the_public_part_is_for_all_and_the_token_for_the_agent_alone(box: Box, card: Make) -> None:
    give(box, card())
    said = installed(box)
    assert FleetCard.parse(box.path(CARD).read_bytes()) == card(token=None)
    assert box.path(TOKEN_FILE).read_text() == f"{TOKEN}\n"
    told = box.run(f"stat -c '%a %U' {CARD} {TOKEN_FILE}")[1].splitlines()
    assert told == ["644 root", "600 pi-auto"]
    assert holding(box, TOKEN) == [TOKEN_FILE.lstrip("/")]
    assert TOKEN not in said
    assert "/home/pi/fleet.json lets other devices in as well: remove it from this one." in said
    assert f"fleet {card().fleet_id}" in said


def test_the_installer_with_the_card_inside_does_the_same(box: Box, card: Make) -> None:
    script = box.path("/home/pi/install_pi_client.sh")
    box.write("/home/pi/install_pi_client.sh", with_card(script.read_text(), card()), mode=0o700)
    box.write("/usr/local/sbin/udevadm", "#!/bin/sh\nenv >> /srv/environment\n", mode=0o755)
    installed(box, "./install_pi_client.sh")
    assert FleetCard.parse(box.path(CARD).read_bytes()) == card(token=None)
    assert box.path(TOKEN_FILE).read_text() == f"{TOKEN}\n"
    assert "PI_AUTO_FLEET_CARD" not in box.path("/srv/environment").read_text()


def test_run_again_it_keeps_identity_and_card_and_gives_no_token_to_who_is_enrolled(box: Box, card: Make) -> None:
    give(box, card())
    installed(box)
    box.path(TOKEN_FILE).unlink()
    box.write("/var/lib/pi-auto-client/agent/device_key.pem", "the key", mode=0o600)
    enrolled = {"server_url": f"fleet {card().fleet_id}", "answer": {}}
    box.write("/var/lib/pi-auto-client/agent/registration.json", json.dumps(enrolled), mode=0o600)
    before = box.path(CARD).read_bytes()
    installed(box)
    installed(box, "./install_pi_client.sh")
    assert not box.path(TOKEN_FILE).exists()
    assert box.path("/var/lib/pi-auto-client/agent/device_key.pem").read_text() == "the key"
    assert box.path(CARD).read_bytes() == before


@pytest.mark.parametrize("content", ["", "{", "{}", '{"format": 2}', "x" * 100_000, None])
def test_a_card_that_cannot_be_used_is_refused_before_anything_changes(box: Box, content: str | None) -> None:
    if content is not None:
        box.write("/home/pi/fleet.json", content)
    code, said = box.run(INSTALL)
    assert code == 1
    assert "/home/pi/fleet.json: " in said.splitlines()[-1]
    assert "Traceback" not in said
    assert not box.path("/opt/pi-auto-client").exists()
    assert not box.path("/etc/pi_auto_client.json").exists()
    assert not box.path(CARD).exists()


def test_a_card_whose_certificate_is_none_is_refused(box: Box, card: Make) -> None:
    told = card().to_json()
    lines = told["ca"].splitlines()
    box.write("/home/pi/fleet.json", json.dumps(told | {"ca": "\n".join([lines[0], lines[1], lines[-1], ""])}))
    code, said = box.run(INSTALL)
    assert code == 1
    assert "the certificate of its authority cannot be used" in said
    assert not box.path("/opt/pi-auto-client").exists()


def test_a_damaged_card_inside_is_told(box: Box) -> None:
    code, said = box.run("PI_AUTO_FLEET_CARD='not base64!' ./install_pi_client.sh")
    assert code == 1
    assert "the card inside of the installer: is damaged" in said


def test_another_fleets_card_is_refused_unless_that_is_meant(box: Box, card: Make) -> None:
    give(box, card())
    installed(box)
    give(box, card("theirs"))
    code, said = box.run(INSTALL)
    assert code == 1
    assert f"this device belongs to fleet {card().fleet_id}" in said
    assert FleetCard.parse(box.path(CARD).read_bytes()) == card(token=None)
    installed(box, f"{INSTALL} --change-fleet")
    assert FleetCard.parse(box.path(CARD).read_bytes()).fleet_id == card("theirs").fleet_id


def test_the_same_fleet_with_another_authority_is_refused_unless_that_is_meant(box: Box, card: Make) -> None:
    give(box, card())
    installed(box)
    box.write("/home/pi/fleet.json", json.dumps(card().to_json() | {"ca": card("theirs").ca}))
    code, said = box.run(INSTALL)
    assert code == 1
    assert "its authority or its key is another one" in said


@pytest.mark.parametrize("damaged", [b"", b"{", b"\xff\x00" * 700])
def test_a_damaged_card_on_the_device_is_repaired(box: Box, card: Make, damaged: bytes) -> None:
    give(box, card())
    installed(box)
    box.write(CARD, damaged)
    installed(box)
    assert FleetCard.parse(box.path(CARD).read_bytes()) == card(token=None)


def test_a_reset_erases_key_and_token_and_keeps_the_card_unless_told_to_forget(box: Box, card: Make) -> None:
    give(box, card())
    installed(box)
    for name in ("device_key.pem", "home.json"):
        box.write(f"/var/lib/pi-auto-client/agent/{name}", "x")
    assert box.run("pi-auto-client factory-reset --yes --delete-undelivered")[0] == 0
    assert [path.name for path in box.path("/var/lib/pi-auto-client/agent").iterdir() if path.is_file()] == []
    assert box.path(CARD).is_file()
    assert box.run("pi-auto-client factory-reset --yes --delete-undelivered --forget-server")[0] == 0
    assert not box.path(CARD).is_file()


def test_uninstalling_takes_the_card_along_or_keeps_it(box: Box, card: Make) -> None:
    give(box, card())
    installed(box)
    code, said = box.run("/opt/pi-auto-client/uninstall.sh --keep-data")
    assert code == 0
    assert CARD in said
    assert box.path(CARD).is_file()
    installed(box)
    assert box.run("/opt/pi-auto-client/uninstall.sh --yes")[0] == 0
    assert not box.path(CARD).is_file()


def test_without_a_card_nothing_of_it_is_made(box: Box) -> None:
    installed(box, "./install_pi_client.sh --server https://fleet.example:5443")
    assert not box.path(CARD).exists()
    assert not box.path(TOKEN_FILE).exists()


SETUP = """
import os, sys; sys.path.insert(0, 'pi_auto_client.py')
from pathlib import Path
from pi_auto.client.appliance.handing_over import HandingOver, card_given
from pi_auto.client.appliance.setup import Setup
handing_over = HandingOver(card_given(Path('fleet.json')))
setup = Setup(Path('pi_auto_client.py').resolve(), patience=0.5, handing_over=handing_over)
"""


def test_a_release_that_does_not_run_gives_the_former_card_back_too(
    box: Box, card: Make, of_version: Callable[[str], bytes]
) -> None:
    give(box, card(token=None))
    installed(box)
    before = box.path(CARD).read_bytes()
    give(box, card("theirs"))
    box.write("/home/pi/pi_auto_client.py", of_version("0.9.0"), mode=0o755)
    box.write("/srv/broken", "0.9.0")
    box.write("/home/pi/setup.py", f"{SETUP}setup.run()\n")
    code, said = box.run("python3 -I setup.py")
    assert code == 1
    assert "the former one runs again" in said
    assert box.path(CARD).read_bytes() == before
    assert holding(box, TOKEN) == []


@pytest.mark.parametrize("step", ["configure", "place_card", "make_users_and_folders", "place_token", "switch"])
def test_after_a_power_cut_behind_any_step_the_next_run_finishes(box: Box, card: Make, step: str) -> None:
    give(box, card())
    cut = f"for step in setup.steps():\n    step()\n    step.__name__ == '{step}' and os._exit(9)\n"
    box.write("/home/pi/cut.py", SETUP + cut)
    assert box.run("python3 -I cut.py")[0] == 9
    installed(box)
    assert FleetCard.parse(box.path(CARD).read_bytes()) == card(token=None)
    assert holding(box, TOKEN) == [TOKEN_FILE.lstrip("/")]
    assert box.run(f"stat -c '%a %U' {TOKEN_FILE}")[1] == "600 pi-auto\n"


def test_a_link_that_the_agent_has_planted_gets_no_token(box: Box, card: Make) -> None:
    give(box, card())
    installed(box)
    box.path(TOKEN_FILE).unlink()
    box.run(f"ln -s /etc/planted {TOKEN_FILE}")
    installed(box)
    assert not box.path("/etc/planted").exists()
    assert box.run(f"stat -c '%F %a %U' {TOKEN_FILE}")[1] == "regular file 600 pi-auto\n"


def test_a_one_time_secret_comes_with_the_card_or_after_it(box: Box, card: Make) -> None:
    secret = "once_" + "q7Zx-_w" * 6 + "c"
    give(box, card())
    box.write("/home/pi/secret", f"{secret}\n")
    installed(box, f"{INSTALL} --secret secret")
    assert box.path(TOKEN_FILE).read_text() == f"{secret}\n"
    box.path(TOKEN_FILE).unlink()
    installed(box, "./install_pi_client.sh --secret secret")
    assert box.path(TOKEN_FILE).read_text() == f"{secret}\n"
    assert FleetCard.parse(box.path(CARD).read_bytes()) == card(token=None)


@pytest.mark.parametrize(
    ("content", "words"),
    [("once_short", "holds no one-time secret"), ("once_" + "x" * 43, "give it one as well: --card FILE")],
)
def test_a_secret_that_is_of_no_use_is_refused_before_anything_changes(box: Box, content: str, words: str) -> None:
    box.write("/home/pi/secret", content)
    code, said = box.run("./install_pi_client.sh --secret secret")
    assert code == 1
    assert words in said
    assert content not in said
    assert not box.path("/opt/pi-auto-client").exists()
