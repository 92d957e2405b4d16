"""What was decided about a device reaches the hub, whenever it is away and wherever the server dies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pi_auto.server.enrolment import granting
from pi_auto.server.enrolment.rules import Grant
from pi_auto.server.enrolment.spending import spend
from pi_auto.server.enrolment.tables import hub_wishes, identities
from pi_auto.server.enrolment.taking_in import take_in
from pi_auto.server.enrolment.telling import tell_all
from pi_auto.server.enrolment.wishes import CLAIMED_FOR, Wish, claim_next, failed, fulfilled, wish
from pi_auto.server.links.base import HubUnavailable
from support.api import Api, Registry, open_api
from support.enrolling import Desk, box, open_desk
from support.signing_device import SigningDevice

ANN = "operator ann"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def hub() -> Registry:
    return Registry()


@pytest.fixture
def api(tmp_path: Path, hub: Registry) -> Iterator[Api]:
    with open_api(tmp_path / "books", hub, trust=True) as opened:
        yield opened


@pytest.fixture
def device(api: Api, tmp_path: Path) -> SigningDevice:
    made = SigningDevice(api, tmp_path)
    key = made.key.public.fingerprint
    do(api, lambda books: granting.preauthorise(books, made.serial, key, granting.LONGEST, ANN, api.clock.now))
    assert made.enrol().status_code == 200
    return made


def do(api: Api, job: object) -> None:
    api.context.writer.submit(job).result(10)  # type: ignore[arg-type]


def wishes(api: Api) -> list[tuple[str, int, bool]]:
    return [(row.wish, row.tries, row.error is not None) for row in api.rows(hub_wishes)]


def test_what_was_decided_while_the_hub_was_away_is_told_when_it_is_back(
    api: Api, hub: Registry, device: SigningDevice
) -> None:
    hub.away = True
    do(api, lambda books: granting.revoke(books, device.device_id, "stolen", ANN, api.clock.now))
    tell_all(api.context)
    tell_all(api.context)
    assert wishes(api) == [("disabled", 1, True)]
    hub.away = False
    tell_all(api.context)
    assert hub.asked == []  # it is asked again after a pause alone
    api.clock.pass_by(2)
    tell_all(api.context)
    assert hub.asked == [("set_enabled", device.device_id, False)]
    assert wishes(api) == []


@pytest.mark.parametrize(
    "was_cut_off", [False, True], ids=["the hub was away", "the server died while it told it"]
)
def test_what_was_decided_by_a_clock_that_was_ahead_is_told_once_it_is_put_right(
    api: Api, hub: Registry, device: SigningDevice, was_cut_off: bool
) -> None:
    hub.away = True
    api.clock.pass_by(86_400)
    do(api, lambda books: granting.revoke(books, device.device_id, "stolen", ANN, api.clock.now))
    if was_cut_off:
        do(api, lambda books: claim_next(books, api.clock.now))
    else:
        tell_all(api.context)
    api.clock.pass_by(-86_400)
    hub.away = False
    tell_all(api.context)
    assert hub.asked == [("set_enabled", device.device_id, False)]
    assert wishes(api) == []


def test_the_last_wish_counts(api: Api, hub: Registry, device: SigningDevice) -> None:
    hub.away = True
    do(api, lambda books: granting.revoke(books, device.device_id, "", ANN, api.clock.now))
    tell_all(api.context)
    do(api, lambda books: granting.lift(books, device.device_id, ANN, api.clock.now))
    hub.away = False
    tell_all(api.context)
    assert hub.asked == [("set_enabled", device.device_id, True)]


def test_lifting_serial_and_key_one_by_one_lets_the_device_back_to_the_hub(
    api: Api, hub: Registry, device: SigningDevice
) -> None:
    do(api, lambda books: granting.revoke(books, device.device_id, "", ANN, api.clock.now))
    tell_all(api.context)
    for named, enabled in ((device.serial, False), (device.key.public.fingerprint, True)):
        do(api, lambda books, named=named: granting.lift(books, named, ANN, api.clock.now))
        tell_all(api.context)
        assert hub.asked[-1] == ("set_enabled", device.device_id, enabled)


def test_a_server_that_died_while_it_told_the_hub_leaves_the_wish_to_the_next(desk: Desk) -> None:
    desk.do(lambda books: wish(books, "pi-1", Wish.DISABLED, desk.now))
    assert desk.do(lambda books: claim_next(books, desk.now))
    assert desk.do(lambda books: claim_next(books, desk.now)) is None
    desk.now += CLAIMED_FOR
    again = desk.do(lambda books: claim_next(books, desk.now))
    assert again
    assert again.tries == 2


def test_a_wish_that_came_while_the_hub_was_told_another_one_waits_its_turn_and_stays(desk: Desk) -> None:
    desk.do(lambda books: wish(books, "pi-1", Wish.DISABLED, desk.now))
    first = desk.do(lambda books: claim_next(books, desk.now))
    assert first
    desk.do(lambda books: wish(books, "pi-1", Wish.ENABLED, desk.now))
    assert desk.do(lambda books: claim_next(books, desk.now)) is None
    desk.do(lambda books: fulfilled(books, first))
    second = desk.do(lambda books: claim_next(books, desk.now))
    assert second
    assert second.wish is Wish.ENABLED
    desk.do(lambda books: fulfilled(books, second))
    assert desk.rows(hub_wishes) == []


def test_pauses_grow_to_ten_minutes_and_the_wish_is_never_given_up(desk: Desk) -> None:
    desk.do(lambda books: wish(books, "pi-1", Wish.ABSENT, desk.now))
    pauses = []
    for _ in range(30):
        claimed = desk.do(lambda books: claim_next(books, desk.now))
        assert claimed
        desk.do(lambda books, tried=claimed: failed(books, tried, "away " * 100, desk.now))  # type: ignore[misc]
        pauses.append((desk.rows(hub_wishes)[0].next_at - desk.now).total_seconds())
        desk.now = desk.rows(hub_wishes)[0].next_at
    assert pauses[:4] == [2, 4, 8, 16]
    assert pauses[-1] == 600


def test_a_device_that_is_to_be_forgotten_by_the_hub_enrols_anew_after_that(
    api: Api, hub: Registry, device: SigningDevice
) -> None:
    hub.away = True
    do(api, lambda books: granting.decommission(books, device.device_id, ANN, api.clock.now))
    tell_all(api.context)
    hub.away = False
    assert device.enrol().status_code == 503
    api.clock.pass_by(10)
    tell_all(api.context)
    assert hub.devices == set()
    assert device.enrol().status_code == 202
    assert wishes(api) == []


def test_a_device_removed_while_it_enrols_is_not_taken_in(desk: Desk) -> None:
    device = box()
    desk.do(lambda books: granting.preauthorise(
        books, device.serial, device.key.fingerprint, granting.LONGEST, ANN, desk.now
    ))  # fmt: skip
    desk.do(lambda books: wish(books, device.device_id, Wish.ABSENT, desk.now))
    asked = desk.enrolment(device)
    with pytest.raises(HubUnavailable, match="still to forget"):
        desk.do(lambda books: take_in(books, asked, "192.0.2.7", desk.now, at_hub=True))
    assert desk.rows(identities) == []


def test_a_batchs_last_place_goes_to_one_of_two_that_have_seen_it_free(desk: Desk) -> None:
    token = desk.do(lambda books: granting.make_batch(books, "spring", 1, granting.LONGEST, ANN, desk.now))
    asked = [replace(desk.enrolment(box(f"2{n:015}")), batch_token=token) for n in range(2)]
    taken = [desk.do(lambda books, one=one: spend(books, one, Grant.BATCH, desk.now)) for one in asked]  # type: ignore[misc]
    assert taken == [True, False]
