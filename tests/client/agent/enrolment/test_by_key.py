"""A device with a key before the real server: taken in once, whatever is lost, and never taken for a clone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.enrolment.device_key import FILE as KEY_FILE
from pi_auto.client.agent.enrolment.identity import Identity
from pi_auto.client.agent.enrolment.registration import store_registration, stored_registration
from pi_auto.client.agent.enrolment.remedies import words_for
from pi_auto.client.agent.enrolment.ways import ByKey
from pi_auto.client.agent.errors import ApiError, Garbled, NotEnrolled, Unauthorized
from pi_auto.client.agent.network.proving import endpoint_of
from pi_auto.server.enrolment.rules import Policy
from pi_auto.wire.enrolment import Nonce
from pi_auto.wire.registration import RegistrationAnswer
from pi_auto.wire.verdicts import Refusing, Waiting
from support.fleet_office import NONCE, RENEW, FleetOffice
from support.fleet_peer import REGISTER, answer, status

DEVICE, SERIAL = "pi-1a2b3c4d", "100000001a2b3c4d"


class Box:
    """A device whose power can be cut, and whose disk can be full."""

    def __init__(self, office: FleetOffice, folder: Path) -> None:
        self.folder, self.office = folder, office
        folder.mkdir(mode=0o700)
        (server,) = office.card.servers
        self._api = ServerApi(endpoint_of(server, office.card), patience=10)
        self.giver = f"fleet {office.card.fleet_id}"
        self.start()

    def start(self) -> None:
        """Start with what is on the disk."""
        identity = Identity(DEVICE, "c" * 64)
        self.way = ByKey(self.folder, self.giver, self.office.card.fleet_id, identity, SERIAL)
        self.given = stored_registration(self.folder, self.giver, DEVICE)

    def ask(self) -> RegistrationAnswer:
        return self.way.ask(self._api, {"hostname": "till"})

    def enrol(self, *, disk_is_full: bool = False) -> None:
        self._keep(self.ask(), disk_is_full)

    def renew(self, *, disk_is_full: bool = False) -> None:
        assert self.given
        self._keep(self.way.renew(self._api, self.given), disk_is_full)

    def try_to(self, what: Callable[[], None]) -> None:
        """Do it, whatever comes of it."""
        try:
            what()
        except ApiError:
            return

    def works(self) -> bool:
        """Whether the server takes its token."""
        assert self.given
        query = {"device_id": DEVICE, "current_version": "1.0.0"}
        try:
            self._api.get("/api/ota/check_update", query, self.given.api_token)
        except Unauthorized:
            return False
        return True

    def _keep(self, given: RegistrationAnswer, disk_is_full: bool) -> None:
        if not disk_is_full:
            store_registration(self.folder, self.giver, given)
            self.way.settled()
        self.given = given

    def close(self) -> None:
        self._api.close()


@pytest.fixture
def box(office: FleetOffice, tmp_path: Path) -> Iterator[Box]:
    made = Box(office, tmp_path / "box")
    yield made
    made.close()


@pytest.fixture
def enrolled(office: FleetOffice, box: Box) -> Box:
    with pytest.raises(NotEnrolled):
        box.enrol()
    office.approve()
    box.enrol()
    return box


def test_it_waits_and_is_told_what_to_do_and_is_taken_in_after_that(office: FleetOffice, box: Box) -> None:
    with pytest.raises(NotEnrolled) as waits:
        box.enrol()
    assert waits.value.reason == Waiting.APPROVAL
    assert waits.value.retry_after > 0
    assert waits.value.remedy.startswith(f"on the server: pi-auto-server enrolment approve {SERIAL} ")
    office.approve()
    box.enrol()
    assert box.works()


@pytest.mark.parametrize("reason", [*Waiting, *Refusing])
def test_every_verdict_has_words_and_a_remedy(reason: Waiting | Refusing) -> None:
    said, remedy = words_for(reason, DEVICE, SERIAL, "ab" * 32)
    assert SERIAL in said
    assert "abababab" in said
    assert remedy
    assert "{" not in said + remedy


def test_a_batch_token_is_shown_until_the_answer_is_kept_and_then_erased(office: FleetOffice, box: Box) -> None:
    file = box.folder / "batch_token"
    file.write_text(office.make_batch() + "\n")
    office.loses(REGISTER)
    with pytest.raises(ApiError):
        box.enrol()
    box.enrol(disk_is_full=True)
    assert file.exists()
    box.start()
    box.enrol()
    assert not file.exists()
    assert len(office.enrolled()) == 1


@pytest.mark.parametrize("content", ["", "batch_short", "x" * 5000, "\0" * 64, "batch_" + "x" * 43 + " and more"])
def test_a_damaged_batch_token_keeps_nobody_from_waiting_for_approval(box: Box, content: str) -> None:
    (box.folder / "batch_token").write_text(content)
    with pytest.raises(NotEnrolled) as waits:
        box.enrol()
    assert waits.value.reason == Waiting.APPROVAL


def test_a_one_time_secret_lets_it_in_as_well(office: FleetOffice, box: Box) -> None:
    office.set_policy(Policy.PREAUTHORISED)
    (box.folder / "batch_token").write_text(office.preauthorise(SERIAL))
    box.enrol()
    assert box.works()
    assert not (box.folder / "batch_token").exists()


def test_a_nonce_that_has_run_out_is_replaced_once(office: FleetOffice, enrolled: Box) -> None:
    stale = answer(Nonce("x" * 43, 300).to_json())
    office.peer.fail(NONCE, stale)
    enrolled.renew()
    assert enrolled.works()
    office.peer.fail(NONCE, stale, stale)
    with pytest.raises(NotEnrolled) as refused:
        enrolled.renew()
    assert refused.value.reason == Refusing.NONCE


def test_answers_lost_in_any_order_are_no_clone_and_the_kept_token_stays_good(
    office: FleetOffice, enrolled: Box
) -> None:
    rng = Random(4711)
    for _ in range(20):  # the server takes sixty signatures of a key in ten minutes
        what, path = rng.choice(((enrolled.enrol, REGISTER), (enrolled.renew, RENEW)))
        office.loses(path)
        enrolled.try_to(what)
        if rng.random() < 0.3:
            enrolled.start()
        assert enrolled.works()
    enrolled.renew()
    assert enrolled.works()
    assert office.alarms() == []


def test_twice_the_same_lost_renewal_is_no_clone(office: FleetOffice, enrolled: Box) -> None:
    for _ in range(2):
        office.loses(RENEW)
        with pytest.raises(ApiError):
            enrolled.renew()
    enrolled.renew()
    assert enrolled.works()
    assert office.alarms() == []


def test_tokens_that_a_full_disk_does_not_take_are_no_clone_after_a_power_cut(
    office: FleetOffice, enrolled: Box
) -> None:
    for _ in range(3):
        enrolled.renew(disk_is_full=True)
        assert enrolled.works()
    enrolled.start()
    assert enrolled.works(), "the token on the disk stayed good"
    enrolled.renew()
    assert enrolled.works()
    assert office.alarms() == []


def test_a_device_that_had_its_id_by_a_claim_keeps_it(office: FleetOffice, box: Box) -> None:
    office.api.register(DEVICE, "c" * 64)
    with pytest.raises(NotEnrolled) as waits:
        box.enrol()
    assert waits.value.reason == Waiting.APPROVAL


@pytest.mark.parametrize("change", [{"device_id": "pi-99999999"}, {"api_token": "short"}, {"token_expires_in": 0}])
def test_an_answer_that_cannot_be_its_own_is_garbled(
    office: FleetOffice, enrolled: Box, change: dict[str, object]
) -> None:
    assert enrolled.given
    office.peer.fail(REGISTER, answer(enrolled.given.to_json() | change))
    with pytest.raises(Garbled):
        enrolled.enrol()


@pytest.mark.parametrize("path", [NONCE, REGISTER])
def test_what_is_no_verdict_is_told_as_it_is(office: FleetOffice, box: Box, path: str) -> None:
    office.peer.fail(path, status(403))
    with pytest.raises(ApiError, match="a planted 403"):
        box.enrol()


def test_without_openssl_what_was_given_goes_on_and_nothing_is_lost(
    enrolled: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = (enrolled.folder / KEY_FILE).read_bytes()
    monkeypatch.setenv("PATH", "/nowhere")
    enrolled.start()
    assert enrolled.works()
    with pytest.raises(ApiError, match="this device cannot sign"):
        enrolled.renew()
    monkeypatch.undo()
    enrolled.renew()
    assert (enrolled.folder / KEY_FILE).read_bytes() == key


def test_a_revoked_device_is_let_in_again_with_the_same_key(office: FleetOffice, enrolled: Box) -> None:
    office.revoke(DEVICE)
    assert not enrolled.works()
    for ask in (enrolled.renew, enrolled.enrol):
        with pytest.raises(NotEnrolled) as refused:
            ask()
        assert refused.value.reason == Refusing.REVOKED
        assert refused.value.remedy.endswith(f"pi-auto-server enrolment lift {DEVICE}")
    office.lift(DEVICE)
    enrolled.enrol()
    assert enrolled.works()
    assert len(office.enrolled()) == 1


def test_a_token_that_was_withdrawn_and_is_shown_after_that_is_no_clone(
    office: FleetOffice, enrolled: Box
) -> None:
    office.revoke(DEVICE)
    office.lift(DEVICE)
    enrolled.renew()
    assert enrolled.works()
    assert office.alarms() == []
