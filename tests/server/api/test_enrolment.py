"""Devices with keys at the API: what they get, and that attackers get neither token nor connection string."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pi_auto.server.api import enrolment
from pi_auto.server.enrolment import granting
from pi_auto.server.enrolment.limits import Limiter
from pi_auto.server.enrolment.tables import identities, pending
from pi_auto.server.enrolment.telling import tell_all
from pi_auto.server.trust.signatures import is_signed_by
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.fleet_proof import FleetProof
from pi_auto.wire.registration import RegistrationAnswer
from pi_auto.wire.signed import ENROLMENT, PROOF, RENEWAL, Signed
from pi_auto.wire.verdicts import Pending, Refused, Refusing, Waiting
from support import records
from support.api import Api, Device, Registry, open_api
from support.device_keys import DeviceKey
from support.signing_device import SigningDevice

ANN = "operator ann"


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrolment, "_limiter", Limiter(60, 60.0, lambda: 1000.0))
    monkeypatch.setattr(enrolment, "_guesses", Limiter(10, 60.0, lambda: 1000.0))
    monkeypatch.setattr(enrolment, "_devices", Limiter(60, 600.0, lambda: 1000.0, key=str))


@pytest.fixture
def hub() -> Registry:
    return Registry()


@pytest.fixture
def api(tmp_path: Path, hub: Registry) -> Iterator[Api]:
    with open_api(tmp_path / "data", hub, trust=True) as opened:
        yield opened


@pytest.fixture
def device(api: Api, tmp_path: Path) -> SigningDevice:
    return SigningDevice(api, tmp_path)


def approve(api: Api, device: SigningDevice) -> None:
    fingerprint = device.key.public.fingerprint
    api.context.writer.submit(
        lambda books: granting.approve(books, device.serial, fingerprint, ANN, api.clock.now)
    ).result(10)


def enrolled(api: Api, device: SigningDevice) -> SigningDevice:
    device.enrol()
    approve(api, device)
    assert device.enrol().status_code == 200
    return device


def works(api: Api, device: SigningDevice) -> int:
    return Device(api, device.device_id, device.token or "t" * 43, None).post(
        {"device_id": device.device_id, "spool": records.SPOOL, "first": 1, "through": 1, "oldest": 1}
    ).status_code  # fmt: skip


def test_a_device_waits_and_gets_its_token_and_its_own_connection_string(
    api: Api, hub: Registry, device: SigningDevice
) -> None:
    waits = device.enrol()
    assert waits.status_code == 202
    assert Pending.from_json(waits.get_json()).reason is Waiting.APPROVAL
    assert hub.devices == set()
    approve(api, device)
    answer = device.enrol()
    given = RegistrationAnswer.from_json(answer.get_json())
    assert answer.status_code == 200
    assert given.connection_string == f"HostName=hub.local;DeviceId={device.device_id};SharedAccessKey=c2VjcmV0"
    assert given.token_expires_in == 86_400
    assert works(api, device) == 200


def test_a_token_runs_out_after_a_day_and_is_renewed_by_a_signature(api: Api, device: SigningDevice) -> None:
    enrolled(api, device)
    assert works(api, device) == 200
    api.clock.pass_by(86_400)
    assert works(api, device) == 401
    assert device.renew().status_code == 200
    assert works(api, device) == 200


def test_a_revoked_device_is_out_at_once(api: Api, device: SigningDevice) -> None:
    enrolled(api, device)
    assert works(api, device) == 200
    revoke = granting.revoke
    api.context.writer.submit(lambda books: revoke(books, device.device_id, "stolen", ANN, api.clock.now)).result(
        10
    )
    assert works(api, device) == 401
    for answer in (device.enrol(), device.renew()):
        assert answer.status_code == 403
        assert Refused.from_json(answer.get_json()).reason is Refusing.REVOKED


def test_a_new_key_that_was_approved_cuts_the_old_one_off_the_hub(
    api: Api, hub: Registry, device: SigningDevice, tmp_path: Path
) -> None:
    enrolled(api, device)
    assert hub.asked == []
    enrolled(api, SigningDevice(api, tmp_path, device.serial))
    assert [asked[0] for asked in hub.asked] == ["rotate_keys", "rotate_keys"]
    assert works(api, device) == 401


def _altered(device: SigningDevice, **changes: Any) -> Signed:
    """What an attacker makes of a good request: other words under the same signature."""
    asked = device.enrolment()
    good, other = device.key.sign(ENROLMENT, asked), device.key.sign(ENROLMENT, replace(asked, **changes))
    return replace(good, payload=other.payload)


ATTACKS: dict[str, tuple[Callable[[SigningDevice, DeviceKey], Signed], Refusing]] = {
    "an altered serial": (lambda device, _: _altered(device, serial="100000009a9b9c9d"), Refusing.SIGNATURE),
    "an altered boot": (lambda device, _: _altered(device, boot=str(uuid.uuid4())), Refusing.SIGNATURE),
    "a foreign key put in": (lambda device, key: _altered(device, key=key.public), Refusing.SIGNATURE),
    "signed by another key": (lambda device, key: key.sign(ENROLMENT, device.enrolment()), Refusing.SIGNATURE),
    "no signature": (
        lambda device, _: replace(device.key.sign(ENROLMENT, device.enrolment()), signature=b""),
        Refusing.SIGNATURE,
    ),
    "a renewal's type": (
        lambda device, _: replace(device.key.sign(RENEWAL, device.enrolment()), type=ENROLMENT),
        Refusing.SIGNATURE,
    ),
    "another fleet": (
        lambda device, _: device.key.sign(ENROLMENT, device.enrolment(fleet_id="a1b2c3d4e5f6")),
        Refusing.FLEET,
    ),
    "a nonce of its own": (
        lambda device, _: device.key.sign(ENROLMENT, device.enrolment(nonce=secrets.token_urlsafe(40))),
        Refusing.NONCE,
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_gets_nothing_and_leaves_no_row(
    api: Api, hub: Registry, device: SigningDevice, tmp_path: Path, attack: str
) -> None:
    made, reason = ATTACKS[attack]
    answer = device.send(made(device, DeviceKey(tmp_path)))
    assert answer.status_code == 403
    assert Refused.from_json(answer.get_json()).reason is reason
    assert api.rows(identities) == api.rows(pending) == []
    assert hub.devices == set()


def test_a_replayed_registration_gets_nothing(api: Api, device: SigningDevice) -> None:
    enrolled(api, device)
    overheard = device.key.sign(ENROLMENT, device.enrolment())
    assert device.send(overheard).status_code == 200
    token = device.token
    again = device.send(overheard)
    assert again.status_code == 403
    assert "api_token" not in again.get_json()
    assert Refused.from_json(again.get_json()).reason is Refusing.NONCE
    assert device.token == token


@pytest.mark.parametrize("seconds", [-3600, 301, 86_400 * 365])
def test_a_nonce_of_another_time_gets_nothing(api: Api, device: SigningDevice, seconds: float) -> None:
    signed = device.key.sign(ENROLMENT, device.enrolment())
    api.clock.now += timedelta(seconds=seconds)
    assert Refused.from_json(device.send(signed).get_json()).reason is Refusing.NONCE


def test_a_device_whose_clock_stands_in_1970_is_taken_in(device: SigningDevice) -> None:
    told = device.enrolment()
    early = replace(told, registration=replace(told.registration, timestamp=datetime(1970, 1, 1, tzinfo=UTC)))
    assert device.send(device.key.sign(ENROLMENT, early)).status_code == 202


def test_an_impostor_with_a_known_serial_gets_neither_token_nor_connection_string(
    api: Api, device: SigningDevice, tmp_path: Path
) -> None:
    enrolled(api, device)
    impostor = SigningDevice(api, tmp_path, device.serial)
    for answer in (impostor.enrol(), impostor.renew()):
        assert answer.status_code in {202, 403}
        assert "api_token" not in answer.text
        assert "SharedAccessKey" not in answer.text
    assert works(api, device) == 200


def test_a_bare_registration_is_refused_whatever_it_claims(api: Api, device: SigningDevice) -> None:
    enrolled(api, device)
    for claim in (None, "ab" * 32):
        answer = api.register(device.device_id, claim)
        assert answer.status_code == 403
        assert "legacy mode" in answer.get_json()["error"]


def test_whoever_is_wrong_too_often_has_to_wait_and_others_do_not(device: SigningDevice) -> None:
    broken = replace(device.key.sign(ENROLMENT, device.enrolment()), signature=b"\x30\x00")
    answers = [device.send(broken).status_code for _ in range(62)]
    assert answers == [403] * 60 + [429] * 2
    crowded = device.enrol()
    assert Refused.from_json(crowded.get_json()).reason is Refusing.CROWDED
    assert int(crowded.headers["Retry-After"]) == 60
    good = device.key.sign(ENROLMENT, device.enrolment())
    elsewhere = device.send(good, environ_overrides={"REMOTE_ADDR": "192.168.9.9"})
    assert elsewhere.status_code == 202


@pytest.mark.parametrize("forged", [{"X-Forwarded-For": "192.168.9.9"}, {"Forwarded": "for=192.168.9.9"}])
def test_forwarding_headers_are_not_believed(api: Api, device: SigningDevice, forged: dict[str, str]) -> None:
    device.send(device.key.sign(ENROLMENT, device.enrolment()), headers=forged)
    assert [row.address for row in api.rows(pending)] == ["127.0.0.1"]


@pytest.mark.parametrize(
    "body",
    [
        {"payloadType": ENROLMENT}, {"payloadType": []}, {"payloadType": RENEWAL, "payload": "", "signatures": []},
        Signed(ENROLMENT, b"[]", b"s", "a" * 64).to_json(),
        Signed(ENROLMENT, b"{" * 9999, b"s", "a" * 64).to_json(),
        Signed(ENROLMENT, b'{"nonce":"a","nonce":"b"}', b"s", "a" * 64).to_json(),
    ],
    ids=lambda body: str(body)[:40],
)  # fmt: skip
def test_what_is_no_envelope_gets_a_400_that_names_the_field(api: Api, body: dict[str, Any]) -> None:
    answer = api.client.post("/api/register_device", json=body)
    assert answer.status_code == 400
    assert answer.get_json()["field"]


def test_the_fleet_is_proven_over_the_devices_nonce(api: Api) -> None:
    nonce = secrets.token_urlsafe(32)
    fleet = api.context.fleet
    assert fleet
    answer = api.client.post("/api/fleet_proof", json={"nonce": nonce})
    signed = Signed.from_json(answer.get_json(), PROOF)
    assert is_signed_by(fleet.card(()).fleet_key, signed)
    proof = FleetProof.from_json(signed.content())
    assert proof.proves(fleet.fleet_id, nonce, fleet.card(()).server_name) is None
    assert proof.time == api.clock.now
    assert api.client.get("/api/health").get_json()["fleet_id"] == fleet.fleet_id


@pytest.mark.parametrize("path", ["/api/register_device/nonce", "/api/renew_token", "/api/fleet_proof"])
def test_a_server_without_trust_has_none_of_it(tmp_path: Path, path: str) -> None:
    with open_api(tmp_path / "plain") as api:
        answer = api.client.post(path, json={"nonce": "n" * 43})
        assert answer.status_code == 404
        assert "--trust" in answer.get_json()["error"]
        assert "fleet_id" not in api.client.get("/api/health").get_json()


def test_whoever_guesses_batch_tokens_or_codes_has_to_wait(device: SigningDevice) -> None:
    guesses = [device.enrol(batch_token="batch_" + secrets.token_urlsafe(32)).status_code for _ in range(6)]
    guesses += [device.enrol(secret="once_" + secrets.token_urlsafe(32)).status_code for _ in range(6)]
    assert guesses == [202] * 6 + [403] * 4 + [429] * 2
    assert device.enrol().status_code == 202  # who shows nothing guesses nothing


def test_a_device_that_asks_without_end_is_told_to_wait_and_nobody_else_can_use_its_share_up(
    api: Api, device: SigningDevice, tmp_path: Path
) -> None:
    enrolled(api, device)
    for _ in range(50):
        stranger = device.enrolment(key=DeviceKey(tmp_path).public)
        assert device.send(replace(device.key.sign(ENROLMENT, stranger), signature=b"0" * 70)).status_code == 403
    answers = [device.renew().status_code for _ in range(62)]
    assert answers[:58] == [200] * 58
    assert answers[58:] == [429] * 4


def test_the_card_of_the_fleet_is_for_everybody_and_holds_no_secret(api: Api) -> None:
    answer = api.get("/api/fleet_card")
    card = FleetCard.from_json(answer.get_json())
    assert api.context.fleet
    assert card == api.context.fleet.card(())


def test_a_card_that_moved_to_another_machine_waits_as_a_new_one_and_leaves_the_old_one_alone(
    api: Api, hub: Registry, device: SigningDevice
) -> None:
    enrolled(api, device)
    token, home = device.token, device.serial
    device.serial, device.device_id = "10000000ffffffff", "pi-ffffffff"
    answer = device.enrol()
    assert Pending.from_json(answer.get_json()).reason is Waiting.OTHER_SERIAL
    assert hub.devices == {"pi-1a2b3c4d"}
    device.key = DeviceKey(device.folder)  # the device makes a key of its own for the machine it is in now
    assert Pending.from_json(device.enrol().get_json()).reason is Waiting.APPROVAL
    approve(api, device)
    assert device.enrol().status_code == 200
    assert {row.serial: row.device_id for row in api.rows(identities)} == {
        home: "pi-1a2b3c4d", "10000000ffffffff": "pi-ffffffff",
    }  # fmt: skip
    assert token != device.token


def test_a_clone_is_shown_at_the_api_by_its_scans(api: Api, hub: Registry, device: SigningDevice) -> None:
    enrolled(api, device)
    before, during = records.scan(number=1), records.scan(number=2)
    sender = Device(api, device.device_id, device.token or "", None)
    sender.send(before)
    for boot in (str(uuid.uuid4()), device.boot):
        api.clock.pass_by(60)
        device.boot = boot
        assert device.renew().status_code == 200
    Device(api, device.device_id, device.token or "", None).send(during)
    listed = {scan["uuid"]: scan["cloned"] for scan in api.get("/api/scans").get_json()["scans"]}
    assert listed == {before.uuid: False, during.uuid: True}
    tell_all(api.context)
    assert hub.asked == [("set_enabled", device.device_id, False)]
