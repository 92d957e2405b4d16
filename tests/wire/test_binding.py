"""The code that binds a box without a card: read as it was shown, refused whatever is wrong with it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pi_auto.wire.binding import (
    MOST_CODE,
    BindingCode,
    check_of,
    commitment_of,
    is_binding_code,
    secret_of,
)
from pi_auto.wire.enrolment import SECRET
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.server_address import ServerAddress
from support.certificates import Authority
from support.device_keys import DeviceKey

FLEET = "a1b2c3d4e5f6"
SECRET_OF_ZEROS = secret_of(bytes(16))
# What QR codes hold at five and a half bits a character.
DENSE = re.compile(r"[0-9A-Z $%*+./:-]+\Z")


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> FleetCard:
    folder = tmp_path_factory.mktemp("fleet")
    return FleetCard(
        FLEET, Authority(folder).ca.read_text(), DeviceKey(folder).public, (ServerAddress("192.0.2.7"),)
    )


@pytest.fixture
def code(card: FleetCard) -> BindingCode:
    return BindingCode(FLEET, commitment_of(card), SECRET_OF_ZEROS, ServerAddress("192.0.2.7", 5443))


def checked(said: str) -> str:
    return said + check_of(said)


@pytest.mark.parametrize(
    "server", [None, ServerAddress("192.0.2.7"), ServerAddress("fleet.local", 443), ServerAddress("2001:db8::7")]
)
def test_a_code_is_read_as_it_was_shown(code: BindingCode, server: ServerAddress | None) -> None:
    shown = replace(code, server=server)
    assert BindingCode.parse(str(shown)) == shown
    assert is_binding_code(str(shown))
    assert len(str(shown)) <= MOST_CODE


def test_a_code_is_dense_in_a_qr_code(code: BindingCode) -> None:
    assert DENSE.match(str(code)), code
    assert len(str(code)) < 130


def test_the_card_of_the_fleet_fits_wherever_the_server_is(code: BindingCode, card: FleetCard) -> None:
    assert code.fits(card)
    assert code.fits(replace(card, servers=(), batch_token="batch_" + "t" * 43))


def test_a_code_that_vouches_for_the_root_of_updates_fits_no_other_root(card: FleetCard) -> None:
    with_root = replace(card, update_root='{"signed":1}')
    code = BindingCode(FLEET, commitment_of(with_root), SECRET_OF_ZEROS)
    assert code.fits(with_root)
    assert not code.fits(card)
    assert not code.fits(replace(card, update_root='{"signed":2}'))


def test_an_impostors_card_never_fits(code: BindingCode, card: FleetCard, tmp_path: Path) -> None:
    other = Authority(tmp_path).ca.read_text()
    for forged in (
        replace(card, ca=other),
        replace(card, fleet_key=DeviceKey(tmp_path).public),
        replace(card, fleet_id="b1b2c3d4e5f6"),
        replace(card, update_root="{}"),
    ):
        assert not code.fits(forged)


def test_the_secret_is_shown_to_the_server_in_the_form_of_every_secret(code: BindingCode) -> None:
    assert SECRET.match(code.shown_secret)
    assert SECRET_OF_ZEROS not in code.shown_secret
    assert code.shown_secret != replace(code, secret=secret_of(b"1" * 16)).shown_secret


def test_nothing_of_the_secret_is_in_a_log(code: BindingCode) -> None:
    assert code.secret not in repr(code)
    with pytest.raises(FieldError) as refused:
        BindingCode.parse(str(code)[:-1])
    assert code.secret not in str(refused.value)


def test_any_misread_character_is_noticed(code: BindingCode) -> None:
    said = str(code)
    for place, character in enumerate(said):
        other = "B" if character != "B" else "C"
        with pytest.raises(FieldError):
            BindingCode.parse(said[:place] + other + said[place + 1 :])


def test_a_code_of_a_scanner_set_to_another_keyboard_is_misread(code: BindingCode) -> None:
    french = str.maketrans("AQZW", "QAWZ")
    with pytest.raises(FieldError, match="misread"):
        BindingCode.parse("PIAUTO:" + str(code).removeprefix("PIAUTO:").translate(french))


@pytest.mark.parametrize(
    "text",
    [
        "", "PIAUTO:", "PIAUTO:1", "piauto:1/a/b/c/d/e", "WIFI:S:x;;", "PIAUTO:2/A/B/C/D/EEEE",
        "PIAUTO:" + "/" * 500,
        checked(f"PIAUTO:1/SHORT/{'A' * 32}/{'A' * 26}//"),
        checked(f"PIAUTO:1/A1B2C3D4E5F6/{'A' * 31}/{'A' * 26}//"),
        checked(f"PIAUTO:1/A1B2C3D4E5F6/{'A' * 32}/{'a' * 26}//"),
        checked(f"PIAUTO:1/A1B2C3D4E5F6/{'A' * 32}/{'A' * 26}/HOST:99999/"),
        checked(f"PIAUTO:1/A1B2C3D4E5F6/{'A' * 32}/{'A' * 26}/x y/"),
        checked(f"PIAUTO:1/A1B2C3D4E5F6/{'A' * 32}/{'A' * 26}/é/"),
        checked(f"PIAUTO:2/A1B2C3D4E5F6/{'A' * 32}/{'A' * 26}//"),
        checked(f"PIAUTO:1/A1B2C3D4E5F6/{'A' * 32}/{'A' * 26}///"),
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(FieldError):
        BindingCode.parse(text)


@pytest.mark.parametrize("octets", [b"", b"1" * 15, b"1" * 17])
def test_a_secret_has_128_bits(octets: bytes) -> None:
    with pytest.raises(ValueError, match="16"):
        secret_of(octets)
