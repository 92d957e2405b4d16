"""Devices before the books: who gets in, who waits, who is shut out; what is repeated makes no second row."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pi_auto.server.audit.tables import audit
from pi_auto.server.enrolment import granting, nonces, tokens
from pi_auto.server.enrolment.nonces import Nonces
from pi_auto.server.enrolment.rules import Grant, Policy
from pi_auto.server.enrolment.tables import device_tokens, identities, pending, used_nonces
from pi_auto.server.enrolment.waiting import MOST_OF_NETWORK, network_of
from pi_auto.server.fleet.claims import hash_secret
from pi_auto.server.fleet.registering import register
from pi_auto.server.fleet.tables import devices
from pi_auto.server.fleet.tables import tokens as claimed_tokens
from pi_auto.wire.errors import FieldError
from pi_auto.wire.registration import Registration
from pi_auto.wire.verdicts import Refusing, Waiting
from support.enrolling import Box, Desk, box, open_desk

DAY = timedelta(days=1)
ANN = "operator ann"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path / "data") as opened:
        yield opened


def approve(desk: Desk, device: Box) -> None:
    desk.do(lambda books: granting.approve(books, device.serial, device.key.fingerprint, ANN, desk.now))


def batch(desk: Desk, most: int = 3, lasts: timedelta = DAY) -> str:
    return desk.do(lambda books: granting.make_batch(books, "spring", most, lasts, "operator ann", desk.now))


def policy(desk: Desk, wanted: Policy) -> None:
    desk.do(lambda books: granting.set_policy(books, wanted, ANN, desk.now))


def enrolled(desk: Desk, device: Box | None = None) -> Box:
    device = device or box()
    desk.enrol(device)
    approve(desk, device)
    assert desk.verdict(device) is Grant.OPERATOR
    return device


def works(desk: Desk, token: str | None) -> str | None:
    return desk.reading(lambda books: tokens.device_of(books, hash_secret(token or ""), desk.now))


def actions(desk: Desk) -> list[tuple[str, str, str]]:
    return [(row.actor, row.action, row.outcome) for row in desk.rows(audit)]


def test_a_device_waits_until_an_operator_says_yes_and_has_its_token_then(desk: Desk) -> None:
    device = box()
    for _ in range(3):
        assert desk.verdict(device) is Waiting.APPROVAL
    assert device.token is None
    assert len(desk.rows(pending)) == 1
    approve(desk, device)
    outcome = desk.enrol(device)
    assert outcome.verdict is Grant.OPERATOR
    assert works(desk, outcome.token) == device.device_id
    assert desk.rows(pending) == []
    assert actions(desk) == [
        (f"device {device.device_id}", "enrol", "waits: approval"),
        (ANN, "approve", "approved"),
        (ANN, "enrol", "enrolled"),
    ]
    assert desk.rows(audit)[0].times == 3


def test_whatever_is_repeated_makes_no_second_row(desk: Desk) -> None:
    device = enrolled(desk)
    first = desk.rows(identities)
    for _ in range(5):
        assert desk.verdict(device) is Grant.KNOWN
    assert desk.rows(identities) == first
    assert len(desk.rows(devices)) == 1
    assert len(desk.rows(device_tokens)) == 2
    assert len([one for one in actions(desk) if one[2] == "enrolled"]) == 1


def test_a_nonce_is_good_once_whatever_it_was_used_for(desk: Desk) -> None:
    device, nonce = enrolled(desk), desk.nonces.make(desk.now)
    assert desk.verdict(device, nonce=nonce) is Grant.KNOWN
    assert desk.verdict(device, nonce=nonce) is Refusing.NONCE
    assert desk.verdict(device, nonce=nonce + "=") is Refusing.NONCE
    assert desk.renew(device, nonce=nonce) is Refusing.NONCE
    again = desk.nonces.make(desk.now)
    assert isinstance(desk.renew(device, nonce=again), str)
    assert desk.renew(device, nonce=again) is Refusing.NONCE


@pytest.mark.parametrize(
    ("seconds", "good"), [(0, True), (299, True), (-1, True), (300, False), (3600, False), (-3, False)]
)
def test_a_nonce_is_good_for_five_minutes(desk: Desk, seconds: float, good: bool) -> None:
    nonce = desk.nonces.make(desk.now)
    assert desk.nonces.is_good(nonce, desk.now + timedelta(seconds=seconds)) is good


def test_a_nonce_of_our_own_making_cannot_be_made_by_others(desk: Desk) -> None:
    nonce = desk.nonces.make(desk.now)
    last = "A" if nonce[-1] != "A" else "Q"
    for forged in (
        Nonces(b"other").make(desk.now),
        nonce[:-8],
        f"{nonce}AAAA",
        "A" * 54,
        "",
        nonce[:-1] + last,
        "é",
    ):
        assert not desk.nonces.is_good(forged, desk.now), forged
    assert len({desk.nonces.make(desk.now) for _ in range(100)}) == 100


def test_used_nonces_are_forgotten_when_they_have_run_out_and_are_many(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nonces, "MOST_KEPT", 3)
    device = enrolled(desk)
    for _ in range(6):
        desk.pass_by(minutes=6)
        desk.enrol(device)
    assert len(desk.rows(used_nonces)) == 4  # and those of the last five minutes, however many


def test_a_used_nonce_is_not_good_again_after_the_clock_was_ahead_for_a_moment(desk: Desk) -> None:
    device, nonce = enrolled(desk), desk.nonces.make(desk.now)
    assert desk.verdict(device, nonce=nonce) is Grant.KNOWN
    desk.pass_by(hours=1)
    assert desk.verdict(device) is Grant.KNOWN
    desk.pass_by(minutes=-59)
    assert desk.nonces.is_good(nonce, desk.now)
    assert desk.verdict(device, nonce=nonce) is Refusing.NONCE


def test_a_known_serial_with_another_key_gets_nothing_and_its_owner_stays_in(desk: Desk) -> None:
    device = enrolled(desk)
    impostor = box(device.serial)
    assert desk.enrol(impostor, batch_token=batch(desk)).token is None
    assert [row.reason for row in desk.rows(pending)] == [Waiting.NEW_KEY]
    assert desk.renew(impostor) is Refusing.SIGNATURE
    assert works(desk, device.token) == device.device_id
    assert isinstance(desk.renew(device), str)


def test_a_new_key_that_an_operator_approved_ends_the_old_one(desk: Desk) -> None:
    device = enrolled(desk)
    swapped = box(device.serial)
    desk.enrol(swapped)
    approve(desk, swapped)
    assert desk.verdict(swapped) is Grant.OPERATOR
    assert works(desk, device.token) is None
    assert desk.renew(device) is Refusing.SIGNATURE
    assert desk.verdict(device) is Waiting.NEW_KEY
    assert len(desk.rows(identities)) == 1
    assert desk.rows(audit)[-2].detail["replaces"] == device.key.fingerprint


def test_an_enrolled_device_gets_no_token_for_another_id(desk: Desk) -> None:
    device, other = enrolled(desk), enrolled(desk, box("10000000ffffffff"))
    for wanted in (other.device_id, "pi-00000000"):
        assert desk.enrol(replace(device, device_id=wanted)).token is None
        with pytest.raises(FieldError, match="decommission"):
            approve(desk, device)
    assert works(desk, other.token) == other.device_id


def test_a_key_that_moves_to_another_serial_waits_and_cannot_be_approved(desk: Desk) -> None:
    device = enrolled(desk)
    moved = replace(box("10000000ffffffff"), key=device.key)
    assert desk.verdict(moved, batch_token=batch(desk)) is Waiting.OTHER_SERIAL
    with pytest.raises(FieldError, match="decommission"):
        approve(desk, moved)


def test_an_id_of_a_device_from_before_keys_is_for_who_shows_its_claim(desk: Desk) -> None:
    device, claim, token = box(), secrets.token_hex(32), batch(desk)
    old = Registration(device.device_id, desk.now, {}, "1.0", claim=claim)
    desk.do(lambda books: register(books, old, desk.now))
    assert desk.verdict(box(), batch_token=token) is Waiting.TAKEN_ID
    assert desk.verdict(device, batch_token=token, claim=secrets.token_hex(32)) is Waiting.TAKEN_ID
    assert desk.verdict(device, batch_token=token, claim=claim) is Grant.BATCH
    assert desk.rows(claimed_tokens) == []
    assert len(desk.rows(devices)) == 1
    again = desk.do(lambda books: register(books, old, desk.now))
    assert again.token is None


def test_a_batch_token_lets_so_many_in_and_no_more(desk: Desk) -> None:
    policy(desk, Policy.BATCH)
    token = batch(desk, most=3)
    some = [box(f"1000000000000{number:03}") for number in range(4)]
    assert [desk.verdict(one, batch_token=token) for one in some] == [Grant.BATCH] * 3 + [Refusing.BATCH_TOKEN]
    assert [desk.verdict(one, batch_token=token) for one in some] == [Grant.KNOWN] * 3 + [Refusing.BATCH_TOKEN]
    assert desk.rows(pending) == []


@pytest.mark.parametrize("trouble", ["guessed", "run out", "ended"])
def test_a_batch_token_that_is_no_good_lets_nobody_in(desk: Desk, trouble: str) -> None:
    policy(desk, Policy.BATCH)
    token = batch(desk)
    if trouble == "guessed":
        token = "batch_" + secrets.token_urlsafe(32)
    elif trouble == "run out":
        desk.pass_by(days=1)
    else:
        assert desk.do(lambda books: granting.end_batch(books, "spring", ANN, desk.now))
    assert desk.verdict(box(), batch_token=token) is Refusing.BATCH_TOKEN
    policy(desk, Policy.APPROVE)
    assert desk.verdict(box(), batch_token=token) is Waiting.APPROVAL
    assert desk.rows(identities) == []


def test_who_is_preauthorised_by_a_secret_gets_in_once(desk: Desk) -> None:
    policy(desk, Policy.PREAUTHORISED)
    device = box()
    secret = desk.do(lambda books: granting.preauthorise(books, device.serial, None, DAY, ANN, desk.now))
    assert desk.verdict(box(), secret="once_" + secrets.token_urlsafe(32)) is Refusing.SECRET
    assert desk.verdict(box("10000000ffffffff"), secret=secret) is Refusing.SECRET
    assert desk.verdict(device) is Waiting.APPROVAL
    assert desk.verdict(device, secret=secret) is Grant.PREAUTHORISED
    assert desk.verdict(box(device.serial), secret=secret) is Refusing.SECRET
    assert desk.verdict(box("10000000eeeeeeee")) is Refusing.CLOSED


def test_who_is_preauthorised_by_a_key_gets_in_with_that_key_alone(desk: Desk) -> None:
    policy(desk, Policy.PREAUTHORISED)
    device = box()
    key = device.key.fingerprint
    assert desk.do(lambda books: granting.preauthorise(books, device.serial, key, DAY, ANN, desk.now)) is None
    assert desk.verdict(box()) is Refusing.SECRET
    assert desk.verdict(device) is Grant.PREAUTHORISED


def test_a_preauthorisation_runs_out(desk: Desk) -> None:
    policy(desk, Policy.PREAUTHORISED)
    device = box()
    secret = desk.do(lambda books: granting.preauthorise(books, device.serial, None, DAY, ANN, desk.now))
    desk.pass_by(days=1)
    assert desk.verdict(device, secret=secret) is Refusing.SECRET


@pytest.mark.parametrize("wanted", list(Policy))
def test_a_revoked_device_is_shut_out_under_every_policy_until_it_is_lifted(desk: Desk, wanted: Policy) -> None:
    device, token = enrolled(desk), batch(desk)
    policy(desk, wanted)
    desk.do(lambda books: granting.revoke(books, device.device_id, "stolen", ANN, desk.now))
    assert works(desk, device.token) is None
    assert desk.renew(device) is Refusing.REVOKED
    assert desk.verdict(device, batch_token=token) is Refusing.REVOKED
    assert desk.verdict(box(device.serial), batch_token=token) is Refusing.REVOKED
    other = replace(box("10000000ffffffff"), key=device.key)
    assert desk.verdict(other, batch_token=token) is Refusing.REVOKED
    assert desk.do(lambda books: granting.lift(books, device.device_id, ANN, desk.now))
    assert desk.verdict(device) is Grant.KNOWN
    assert not desk.do(lambda books: granting.lift(books, device.device_id, ANN, desk.now))


def test_a_decommissioned_device_enrols_anew_and_a_revoked_one_does_not(desk: Desk) -> None:
    device = enrolled(desk)
    desk.do(lambda books: granting.decommission(books, device.device_id, ANN, desk.now))
    assert works(desk, device.token) is None
    assert desk.renew(device) is Refusing.UNKNOWN
    new = box(device.serial)
    assert desk.verdict(new) is Waiting.APPROVAL
    assert desk.verdict(new, batch_token=batch(desk)) is Grant.BATCH
    desk.do(lambda books: granting.revoke(books, new.device_id, "stolen", ANN, desk.now))
    desk.do(lambda books: granting.decommission(books, new.device_id, ANN, desk.now))
    assert desk.verdict(new) is Refusing.REVOKED
    assert len(desk.rows(devices)) == 1


def test_the_current_token_and_the_one_before_it_work_for_a_day(desk: Desk) -> None:
    device = enrolled(desk)
    first = device.token
    desk.pass_by(hours=20)
    desk.renew(device)
    second = device.token
    assert works(desk, first) == works(desk, second) == device.device_id
    desk.renew(device)
    assert works(desk, first) is None
    assert works(desk, second) == works(desk, device.token) == device.device_id
    desk.pass_by(hours=24)
    assert works(desk, second) is None
    assert works(desk, device.token) is None
    assert isinstance(desk.renew(device), str)
    assert works(desk, device.token) == device.device_id


def test_waiting_devices_of_one_network_are_bounded_and_those_of_others_are_not_harmed(desk: Desk) -> None:
    for number in range(MOST_OF_NETWORK):
        desk.enrol(box(f"2{number:015}"), address=f"10.0.0.{number % 250}")
    assert desk.verdict(box(), address="10.0.0.9") is Refusing.FULL
    assert desk.verdict(box(), address="10.0.1.9") is Waiting.APPROVAL
    desk.pass_by(days=8)
    assert desk.verdict(box(), address="10.0.0.9") is Waiting.APPROVAL
    assert len(desk.rows(pending)) == 1


def test_a_flood_of_refusals_is_one_row_an_hour(desk: Desk) -> None:
    policy(desk, Policy.CLOSED)
    for _ in range(50):
        desk.enrol(box(f"2{secrets.randbelow(10**15):015}"))
    refused = [row for row in desk.rows(audit) if row.outcome == "closed" and row.action == "enrol"]
    assert [row.times for row in refused] == [50]
    desk.pass_by(hours=1)
    desk.enrol(box())
    assert len([row for row in desk.rows(audit) if row.action == "enrol"]) == 2


def test_what_was_approved_is_this_very_id(desk: Desk) -> None:
    device = box()
    desk.enrol(device)
    approve(desk, device)
    other = replace(device, device_id="pi-99999999")
    assert desk.verdict(other) is Waiting.APPROVAL
    assert desk.verdict(device) is Waiting.APPROVAL


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.168.1.7", "192.168.1.0/24"), ("2001:db8::7", "2001:db8::/64"),
        ("::ffff:10.1.2.3", "10.1.2.0/24"), ("", "unknown"), ("x", "unknown"),
    ],
)  # fmt: skip
def test_addresses_are_counted_by_their_network(address: str, network: str) -> None:
    assert network_of(address) == network


def test_nothing_that_opens_something_is_in_the_audit_trail_or_the_books(desk: Desk, tmp_path: Path) -> None:
    device = box()
    secret = desk.do(lambda books: granting.preauthorise(books, device.serial, None, DAY, ANN, desk.now))
    token = batch(desk)
    desk.enrol(device, secret=secret)
    desk.writer.close()
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir())
    for opens in (secret, token, device.token):
        assert opens
        assert opens.encode() not in kept
