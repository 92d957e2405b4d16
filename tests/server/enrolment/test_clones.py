"""Two devices with one key are noticed; one device, whatever befalls it, never is taken for two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pi_auto.server.audit.tables import audit
from pi_auto.server.enrolment import clones, granting, tokens
from pi_auto.server.enrolment.rules import Grant
from pi_auto.server.enrolment.tables import clone_spans, hub_wishes, identities, retired_tokens
from pi_auto.server.fleet.claims import hash_secret
from pi_auto.wire.enrolment import Enrolment, Renewal
from pi_auto.wire.verdicts import Refusing
from support.enrolling import Box, Desk, box, open_desk

ANN = "operator ann"
DAY = timedelta(days=1)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path / "data") as opened:
        yield opened


def enrolled(desk: Desk, serial: str = "100000001a2b3c4d") -> Box:
    device = box(serial)
    key = device.key.fingerprint
    desk.do(lambda books: granting.preauthorise(books, device.serial, key, DAY, ANN, desk.now))
    assert desk.verdict(device) is Grant.PREAUTHORISED
    desk.pass_by(minutes=1)
    return device


def is_cloned(desk: Desk, device: Box) -> bool:
    return any(row.cloned_at for row in desk.rows(identities) if row.serial == device.serial)


def evidence(desk: Desk) -> list[str]:
    return [row.outcome for row in desk.rows(audit) if row.action == "clone"]


def works(desk: Desk, token: str | None) -> bool:
    return desk.reading(lambda books: tokens.device_of(books, hash_secret(token or ""), desk.now)) is not None


def copy_of(device: Box) -> Box:
    """Its card in another machine of the same serial's making: the same files, a boot of its own."""
    clone = replace(device)
    clone.reboot()
    return clone


def test_two_devices_that_renew_in_turns_are_noticed_at_the_third_contact(desk: Desk) -> None:
    device = enrolled(desk)
    clone = copy_of(device)
    since = desk.now
    for one in (clone, device):
        assert not is_cloned(desk, device)
        desk.renew(one)
        desk.pass_by(hours=1)
    assert evidence(desk) == ["boots in turns"]
    (span,) = desk.rows(clone_spans)
    assert (span.since, span.until) == (since, None)


def test_two_devices_that_enrol_in_turns_are_noticed(desk: Desk) -> None:
    device = enrolled(desk)
    clone = replace(copy_of(device), token=None)
    desk.enrol(clone)
    desk.pass_by(seconds=10)
    desk.enrol(device)
    assert evidence(desk) == ["boots in turns"]


def test_an_old_copy_is_noticed_by_its_token_at_its_first_contact(desk: Desk) -> None:
    device = enrolled(desk)
    clone = copy_of(device)
    for _ in range(3):
        desk.renew(device)
        desk.pass_by(hours=20)
    desk.renew(clone)
    assert evidence(desk) == ["stale token"]


def test_a_clone_has_the_hub_no_more_until_an_operator_settles_it(desk: Desk) -> None:
    device = enrolled(desk)
    clone = copy_of(device)
    for one in (clone, device, clone):
        desk.renew(one)
        desk.pass_by(hours=1)
    assert [(row.device_id, row.wish) for row in desk.rows(hub_wishes)] == [(device.device_id, "disabled")]
    assert works(desk, clone.token)  # scans still come, and are marked
    assert desk.do(lambda books: clones.settle(books, device.device_id, ANN, desk.now))
    assert not is_cloned(desk, device)
    assert [row.wish for row in desk.rows(hub_wishes)] == ["enabled"]
    assert desk.rows(clone_spans)[0].settled_by == ANN
    assert not desk.do(lambda books: clones.settle(books, device.device_id, ANN, desk.now))
    for _ in range(3):
        desk.pass_by(hours=20)
        desk.renew(device)
    assert not is_cloned(desk, device)


def test_a_settled_clone_that_goes_on_is_noticed_again(desk: Desk) -> None:
    device = enrolled(desk)
    clone = copy_of(device)
    for one in (clone, device):
        desk.renew(one)
        desk.pass_by(hours=1)
    desk.do(lambda books: clones.settle(books, device.device_id, ANN, desk.now))
    for one in (device, clone, device):
        desk.renew(one)
        desk.pass_by(hours=1)
    assert evidence(desk) == ["boots in turns"] * 2
    assert [row.until is None for row in desk.rows(clone_spans)] == [False, True]


def test_a_settled_device_that_is_shut_out_stays_so_at_the_hub(desk: Desk) -> None:
    device = enrolled(desk)
    clone = copy_of(device)
    for one in (clone, device):
        desk.renew(one)
        desk.pass_by(hours=1)
    desk.do(lambda books: granting.revoke(books, device.device_id, "stolen", ANN, desk.now))
    desk.do(lambda books: clones.settle(books, device.device_id, ANN, desk.now))
    assert [row.wish for row in desk.rows(hub_wishes)] == ["disabled"]
    desk.do(lambda books: granting.lift(books, device.device_id, ANN, desk.now))
    assert [row.wish for row in desk.rows(hub_wishes)] == ["enabled"]


def test_a_new_key_for_the_serial_settles_it(desk: Desk) -> None:
    device = enrolled(desk)
    clone = copy_of(device)
    for one in (clone, device):
        desk.renew(one)
        desk.pass_by(hours=1)
    new = box(device.serial)
    desk.enrol(new)
    desk.do(lambda books: granting.approve(books, new.serial, new.key.fingerprint, ANN, desk.now))
    assert desk.verdict(new) is Grant.OPERATOR
    assert not is_cloned(desk, device)
    assert desk.rows(clone_spans)[0].until == desk.now
    assert desk.renew(clone) is Refusing.SIGNATURE


def test_twenty_power_cuts_while_renewing_are_no_clone(desk: Desk) -> None:
    device = enrolled(desk)
    for _ in range(20):
        device.reboot()
        desk.renew(device, lost=True)
        desk.pass_by(seconds=40)
        assert works(desk, device.token)
    desk.renew(device)
    assert evidence(desk) == []


def test_answers_to_enrolments_that_are_lost_are_no_clone(desk: Desk) -> None:
    device = enrolled(desk)
    kept = device.token
    for holds in (True, False, False, True):
        device.reboot()
        desk.take_in(desk.enrolment(device) if holds else desk.enrolment(device, holds=None))
        device.token = kept  # the answer never came
        desk.pass_by(seconds=40)
    desk.renew(device)
    assert evidence(desk) == []


def test_a_token_nobody_knows_is_that_of_newer_books_than_these_and_no_clone(desk: Desk) -> None:
    device = enrolled(desk)
    device.token = "of-the-books-that-were-lost-and-came-back-as-a-backup"
    assert isinstance(desk.renew(device), str)
    assert evidence(desk) == []


def test_a_request_that_the_network_held_up_over_a_power_cut_is_no_clone(desk: Desk) -> None:
    device = enrolled(desk)
    late = desk.renewal(device)
    desk.pass_by(seconds=30)
    device.reboot()
    desk.renew(device)
    desk.pass_by(seconds=30)
    desk.renew(device)
    desk.take_renewal(device, late)
    assert evidence(desk) == []


def test_old_tokens_are_kept_in_a_bounded_number(desk: Desk) -> None:
    device = enrolled(desk)
    for _ in range(50):
        desk.renew(device)
        desk.pass_by(hours=20)
    assert len(desk.rows(retired_tokens)) == 32


@dataclass
class Life:
    """One device, whose power, network and disk fail at any moment. `box.token` is what its disk holds."""

    desk: Desk
    box: Box
    held_up: list[Enrolment | Renewal] = field(default_factory=list)

    def step(self, what: str) -> None:
        getattr(self, what)()
        self.desk.pass_by(seconds=7)

    def renew(self) -> None:
        self.desk.renew(self.box)

    def enrol(self) -> None:
        self.desk.enrol(self.box)

    def cut_before_the_write(self) -> None:
        """The answer came and was used, and then the power went, before it was on the disk."""
        self.desk.renew(self.box, lost=True)
        self.box.reboot()

    def enrol_and_lose_the_answer(self) -> None:
        self.desk.take_in(self.desk.enrolment(self.box))

    def cannot_read_its_token(self) -> None:
        self.desk.take_in(self.desk.enrolment(self.box, holds=None))

    def loses_its_token_file(self) -> None:
        self.box.token = None

    def reboot(self) -> None:
        self.box.reboot()

    def asks_and_the_network_holds_it_up(self) -> None:
        self.held_up.append(self.desk.renewal(self.box))

    def enrols_and_the_network_holds_it_up(self) -> None:
        self.held_up.append(self.desk.enrolment(self.box))

    def what_was_held_up_arrives(self) -> None:
        for asked in self.held_up:
            if self.desk.nonces.is_good(asked.nonce, self.desk.now):
                if isinstance(asked, Renewal):
                    self.desk.take_renewal(self.box, asked)
                else:
                    self.desk.take_in(asked)
        self.held_up.clear()

    def a_day_goes_by(self) -> None:
        self.desk.pass_by(hours=20)


STEPS = [name for name, value in vars(Life).items() if callable(value) and name != "step" and name[0] != "_"]


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with open_desk(tmp_path_factory.mktemp("lives") / "data") as opened:
        yield opened


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(STEPS), max_size=40))
def test_no_life_of_one_device_looks_like_two_and_none_shuts_it_out(books: Desk, steps: list[str]) -> None:
    life = Life(books, enrolled(books, f"3{len(books.rows(identities)):015}"))
    for step in steps:
        life.step(step)
    assert not is_cloned(books, life.box)
    assert isinstance(books.renew(life.box), str)
    assert works(books, life.box.token)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.booleans(), st.sampled_from(["renew", "enrol"])), min_size=2, max_size=12))
def test_two_devices_that_both_live_are_noticed_when_the_first_comes_back(
    books: Desk, steps: list[tuple[bool, str]]
) -> None:
    device = enrolled(books, f"4{len(books.rows(identities)):015}")
    pair = {False: Life(books, device), True: Life(books, copy_of(device))}
    spoke = [False]
    for second, step in steps:
        pair[second].step(step)
        spoke.append(second)
    turns = [who for place, who in enumerate(spoke) if not place or spoke[place - 1] != who]
    assert is_cloned(books, device) or len(turns) < 3
