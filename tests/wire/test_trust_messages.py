"""Cards, envelopes and what is said at enrolment: whole over the wire, and wrong ones refused by name."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pi_auto.wire.enrolment import Enrolment, Nonce, Renewal, Token
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fleet_card import MOST_CARD, FleetCard
from pi_auto.wire.fleet_proof import FleetProof, ProofRequest
from pi_auto.wire.keys import PublicKey
from pi_auto.wire.registration import Registration, RegistrationAnswer
from pi_auto.wire.server_address import PUBLIC, ServerAddress
from pi_auto.wire.signed import ENROLMENT, PROOF, RENEWAL, Signed, bytes_to_sign, is_signed
from pi_auto.wire.strict_json import read_strictly, write_plainly
from pi_auto.wire.verdicts import Pending, Refused, Refusing, Waiting
from support.certificates import Authority
from support.device_keys import DeviceKey, openssl_verifies

NOW = datetime(2026, 11, 23, 17, 33, 0, 123000, tzinfo=UTC)
NONCE = "n" * 43
FLEET = "a1b2c3d4e5f6"
BOOT = "0b8f3c1e-8f0e-4a53-9f37-0d6b8a3d0c11"
# The base point of P-256 (SEC 2, section 2.4.2): a key that everybody knows the private half of.
BASE_POINT = bytes.fromhex(
    "3059301306072a8648ce3d020106082a8648ce3d030107034200046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0"
    "f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
KEY = PublicKey(BASE_POINT)
DEVICE = Registration("pi-1a2b3c4d", NOW, {"hostname": "till-3"}, "1.0.0")
ENROL = Enrolment(FLEET, NONCE, "100000001a2b3c4d", KEY, BOOT, DEVICE)


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> str:
    return Authority(tmp_path_factory.mktemp("authority")).ca.read_text()


@pytest.fixture
def card(ca: str) -> FleetCard:
    servers = (
        ServerAddress("192.0.2.7"),
        ServerAddress("fleet.example.org", 443, PUBLIC),
        ServerAddress("2001:db8::7"),
    )
    return FleetCard(FLEET, ca, KEY, servers, update_root='{"signed":{}}', batch_token="batch_" + "t" * 43)


def travelled(message: Any) -> Any:
    return json.loads(json.dumps(message.to_json()))


@pytest.mark.parametrize(
    "message",
    [
        ENROL,
        replace(ENROL, batch_token="batch_" + "b" * 43, secret="once_" + "s" * 43, holds="a" * 64),
        Renewal(FLEET, NONCE, "pi-1a2b3c4d", BOOT),
        Renewal(FLEET, NONCE, "pi-1a2b3c4d", BOOT, holds="ab" * 32),
        Nonce(NONCE, 300),
        Token("t" * 43, 86_400),
        Pending("pi-1a2b3c4d", Waiting.NEW_KEY, 30, "known with another key"),
        Refused(Refusing.REVOKED, "an operator has shut it out"),
        FleetProof(FLEET, NONCE, NOW, ("192.0.2.7", "fleet.example.org", "2001:db8::7")),
        ProofRequest(NONCE),
        RegistrationAnswer("pi-1a2b3c4d", NOW, None, "https://192.0.2.7:5443", token_expires_in=86_400),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_comes_back_as_it_was_sent(message: Any) -> None:
    assert type(message).from_json(travelled(message)) == message


def test_a_card_comes_back_as_it_was_written(card: FleetCard) -> None:
    assert FleetCard.parse(write_plainly(card.to_json())) == card
    assert card.server_name == "a1b2c3d4e5f6.pi-auto"


def test_a_card_without_what_is_optional_is_a_card(card: FleetCard) -> None:
    bare = replace(card, servers=(), update_root=None, batch_token=None)
    assert set(bare.to_json()) == {"format", "fleet_id", "ca", "fleet_key", "servers"}
    assert FleetCard.parse(write_plainly(bare.to_json())) == bare


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"format": 2}, "format"),
        ({"format": None}, "format"),
        ({"fleet_id": "A1B2C3D4E5F6"}, "fleet_id"),
        ({"fleet_id": "short"}, "fleet_id"),
        ({"fleet_id": "a1b2c3d4e5f6.example.org"}, "fleet_id"),
        ({"ca": "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"}, "ca"),
        ({"ca": "-----BEGIN CERTIFICATE-----" + " " * 4000}, "ca"),
        ({"ca": "x" * 5000}, "ca"),
        ({"fleet_key": b64encode(BASE_POINT[:-1]).decode()}, "fleet_key"),
        ({"fleet_key": b64encode(BASE_POINT[:-1] + b"\0").decode()}, "fleet_key"),
        ({"fleet_key": "no base64"}, "fleet_key"),
        ({"servers": "192.0.2.7"}, "servers"),
        ({"servers": [{"host": "192.0.2.7"}] * 17}, "servers"),
        ({"servers": [{"host": "192.0.2.777"}]}, "servers[0].host"),
        ({"servers": [{"host": "a b"}]}, "servers[0].host"),
        ({"servers": [{"host": "fe80::1%eth0"}]}, "servers[0].host"),
        ({"servers": [{"host": "192.0.2.7", "port": 0}]}, "servers[0].port"),
        ({"servers": [{"host": "192.0.2.7", "certificate": "none"}]}, "servers[0].certificate"),
        ({"servers": [{"host": "192.0.2.7", "certificate": "public"}]}, "servers[0].host"),
        ({"update_root": "r" * 70_000}, "update_root"),
        ({"batch_token": "guess"}, "batch_token"),
        ({"batchtoken": "x"}, "'batchtoken'"),
    ],
    ids=repr,
)
def test_a_wrong_card_is_refused_by_name(card: FleetCard, change: dict[str, Any], field: str) -> None:
    with pytest.raises(FieldError) as refused:
        FleetCard.from_json(card.to_json() | change)
    assert refused.value.field == field


def test_two_certificates_are_not_one_authority(card: FleetCard) -> None:
    with pytest.raises(FieldError, match="one certificate"):
        FleetCard.from_json(card.to_json() | {"ca": card.ca[:600] + card.ca[:600]})


@pytest.mark.parametrize(
    "octets",
    [
        b"", b"[]", b"null", b"\xff\xfe", b"{", b'{"a":NaN}', b'{"a":1e999}', b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}', b'{"a":' + b"[" * 20_000, b'{"a":"' + b"x" * MOST_CARD + b'"}',
    ],
    ids=lambda octets: repr(octets[:16]),
)  # fmt: skip
def test_what_is_no_plain_json_is_no_card(octets: bytes) -> None:
    with pytest.raises(FieldError) as refused:
        FleetCard.parse(octets)
    assert refused.value.field == "the fleet card"


def test_the_error_of_a_card_shows_nothing_of_its_token(card: FleetCard) -> None:
    with pytest.raises(FieldError) as refused:
        FleetCard.from_json(card.to_json() | {"batch_token": "nearly-a-secret"})
    assert "nearly" not in str(refused.value)
    assert "batch_ttt" not in repr(card)


def test_the_bytes_under_a_signature_are_those_of_dsse() -> None:
    # The example of DSSE's own protocol.md.
    assert bytes_to_sign("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_an_envelope_comes_back_as_it_was_sealed_and_openssl_finds_it_good(tmp_path: Path) -> None:
    key = DeviceKey(tmp_path)
    signed = key.sign(ENROLMENT, ENROL)
    back = Signed.from_json(travelled(signed), ENROLMENT)
    assert back == signed
    assert Enrolment.from_json(back.content()) == ENROL
    assert openssl_verifies(key.public, back, tmp_path)


@pytest.mark.parametrize("alter", ["type", "payload", "signature"])
def test_whatever_is_altered_breaks_the_signature(tmp_path: Path, alter: str) -> None:
    key = DeviceKey(tmp_path)
    signed = key.sign(ENROLMENT, ENROL)
    other = key.sign(ENROLMENT, replace(ENROL, boot=BOOT[:-1] + "2"))
    altered = {
        "type": replace(signed, type=RENEWAL),
        "payload": replace(signed, payload=signed.payload.replace(b"1a2b3c4d", b"1a2b3c4e")),
        "signature": replace(signed, signature=other.signature),
    }
    assert not openssl_verifies(key.public, altered[alter], tmp_path)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"payloadType": RENEWAL}, "payloadType"),
        ({"payloadType": "text/plain"}, "payloadType"),
        ({"payload": "x" * 50_000}, "payload"),
        ({"payload": "é"}, "payload"),
        ({"signatures": []}, "signatures"),
        ({"signatures": [{}, {}]}, "signatures"),
        ({"signatures": [7]}, "signatures[0]"),
        ({"signatures": [{"keyid": KEY.fingerprint, "sig": "A" * 200}]}, "signatures[0].sig"),
        ({"signatures": [{"keyid": "me", "sig": "AAAA"}]}, "signatures[0].keyid"),
    ],
    ids=repr,
)
def test_a_wrong_envelope_is_refused_by_name(change: dict[str, Any], field: str) -> None:
    good = Signed(ENROLMENT, b"{}", b"signature", KEY.fingerprint).to_json()
    with pytest.raises(FieldError) as refused:
        Signed.from_json(good | change, ENROLMENT)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"nonce": "short"}, "nonce"),
        ({"serial": "../../etc"}, "serial"),
        ({"serial": "s" * 65}, "serial"),
        ({"boot": "now"}, "boot"),
        ({"public_key": "AAAA"}, "public_key"),
        ({"registration": None}, "registration"),
        ({"registration": {}}, "device_id"),
        ({"batch_token": 7}, "batch_token"),
        ({"secret": "guess"}, "secret"),
        ({"holds": "the token itself"}, "holds"),
        ({"fleet_id": None}, "fleet_id"),
    ],
    ids=repr,
)
def test_a_wrong_enrolment_is_refused_by_name(change: dict[str, Any], field: str) -> None:
    with pytest.raises(FieldError) as refused:
        Enrolment.from_json(ENROL.to_json() | change)
    assert refused.value.field == field


def test_a_point_beside_the_curve_is_no_key() -> None:
    for der in (
        BASE_POINT[:-1] + b"\xf4",
        BASE_POINT[:27] + b"\xff" * 64,
        BASE_POINT[:26] + b"\2" + BASE_POINT[27:],
    ):
        with pytest.raises(FieldError, match="P-256"):
            PublicKey.from_der(der, "public_key")
    assert PublicKey.from_der(BASE_POINT, "public_key").fingerprint == KEY.fingerprint


@pytest.mark.parametrize(
    ("fleet", "nonce", "name", "wrong"),
    [
        (FLEET, NONCE, "fleet.example.org", None),
        (FLEET, NONCE, "Fleet.Example.org", None),
        ("b1b2c3d4e5f6", NONCE, "fleet.example.org", "fleet"),
        (FLEET, "m" * 43, "fleet.example.org", "question"),
        (FLEET, NONCE, "impostor.example.org", "name"),
    ],
)
def test_a_proof_that_was_handed_through_proves_nothing(
    fleet: str, nonce: str, name: str, wrong: str | None
) -> None:
    said = FleetProof(FLEET, NONCE, NOW, ("192.0.2.7", "fleet.example.org")).proves(fleet, nonce, name)
    assert said is None if wrong is None else said and wrong in said


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.7", ServerAddress("192.0.2.7")),
        ("192.0.2.7:443", ServerAddress("192.0.2.7", 443)),
        ("fleet.local:6000", ServerAddress("fleet.local", 6000)),
        ("[2001:db8::7]:6000", ServerAddress("2001:db8::7", 6000)),
        ("[2001:db8::7]", ServerAddress("2001:db8::7")),
        ("2001:db8::7", ServerAddress("2001:db8::7")),
    ],
)
def test_an_address_is_read_as_people_write_it(text: str, address: ServerAddress) -> None:
    assert ServerAddress.parse(text) == address
    assert ServerAddress.parse(str(address)) == address


@pytest.mark.parametrize("text", ["", ":5443", "a:b", "host:99999", "host:0", "https://host", "1.2.3", "[::1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(FieldError, match="server"):
        ServerAddress.parse(text)


def test_the_same_object_always_gives_the_same_bytes() -> None:
    assert write_plainly({"b": 1, "a": "é"}) == write_plainly({"a": "é", "b": 1}) == b'{"a":"\\u00e9","b":1}'
    assert read_strictly(b'{"a":"\\u00e9","b":1}', "it", most=100) == {"a": "é", "b": 1}


def test_old_registrations_are_told_from_signed_ones() -> None:
    assert is_signed(Signed(PROOF, b"", b"", "").to_json())
    assert not is_signed(DEVICE.to_json())
    assert not is_signed([])
