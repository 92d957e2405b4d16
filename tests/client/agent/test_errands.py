"""The whole agent with a fleet card: what it asks of its server, and what it goes on with when that fails."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pi_auto.client.agent.enrolment.device_key import FILE as KEY_FILE
from pi_auto.client.agent.telling import REGISTRAR, Telling
from pi_auto.client.bulletin import Bulletin, posts_in
from pi_auto.client.settings import Settings
from pi_auto.server.enrolment import tokens
from pi_auto.server.scans.tables import scans
from support.fleet_office import NONCE, RENEW, FleetOffice
from support.fleet_peer import REGISTER, FleetPeer, hang, raw, status
from support.stored import StoredScans
from support.waiting import wait_until

from .conftest import DEVICE, running


@pytest.fixture
def settings(tmp_path: Path, office: FleetOffice) -> Settings:
    """Those of a device with the card of `office`."""
    file = tmp_path / "fleet.json"
    file.write_text(json.dumps(office.card.to_json()))
    return Settings(state=tmp_path / "state", fleet_card=file, device_id=DEVICE, registration_retry_interval=1)


@pytest.fixture
def booked(office: FleetOffice) -> Callable[[], list[str]]:
    """The texts in the books."""
    return lambda: sorted(str(row.text) for row in office.api.rows(scans))


def invited(settings: Settings, office: FleetOffice) -> Path:
    """The device's batch token."""
    settings.agent_folder.mkdir(parents=True, exist_ok=True)
    file = settings.agent_folder / "batch_token"
    file.write_text(office.make_batch())
    return file


def said_of_enrolment(settings: Settings) -> str:
    post = posts_in(settings.agent_folder).get("enrolment")
    return json.dumps(post.news) if post else ""


def said_of_server(settings: Settings) -> str:
    return str(posts_in(settings.agent_folder).get("server"))


Booked = Callable[[], list[str]]


def test_while_it_waits_scans_stay_and_flow_once_it_is_approved(
    settings: Settings, office: FleetOffice, stored: StoredScans, booked: Booked
) -> None:
    stored.scan("one")
    with running(settings):
        wait_until(lambda: "waits until an operator" in said_of_enrolment(settings), what="its word")
        assert booked() == []
        office.approve()
        stored.scan("two")
        wait_until(lambda: booked() == ["one", "two"], what="both to arrive")
        assert '"ok": true' in said_of_enrolment(settings)


@pytest.mark.parametrize("fault", [status(500), raw(b"nonsense"), status(403), status(429, Retry_After="1")])
@pytest.mark.parametrize("path", [NONCE, REGISTER])
def test_enrolling_goes_on_until_it_is_taken_in(
    settings: Settings, office: FleetOffice, stored: StoredScans, booked: Booked, path: str, fault: object
) -> None:
    token = invited(settings, office)
    office.peer.fail(path, fault, fault)  # type: ignore[arg-type]
    stored.scan("one")
    with running(settings):
        wait_until(lambda: booked() == ["one"], what="the scan to arrive")
    assert not token.exists()
    assert len(office.enrolled()) == 1


def test_tokens_are_renewed_while_scans_flow_and_nobody_is_a_clone(
    settings: Settings, office: FleetOffice, stored: StoredScans, booked: Booked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "LASTS", timedelta(seconds=2))
    invited(settings, office)
    texts: list[str] = []
    with running(settings):

        def renewed() -> bool:
            texts.append(f"scan {len(texts):03d}")
            stored.scan(texts[-1])
            return office.peer.calls(RENEW) >= 4

        wait_until(renewed, 30, "renewals")
        office.loses(RENEW)
        wait_until(lambda: booked() == texts, what="all to arrive")
    with running(settings):
        stored.scan("zz after a restart")
        wait_until(lambda: booked() == [*texts, "zz after a restart"], what="the last")
    assert office.peer.calls(REGISTER) == 1
    assert office.alarms() == []


def test_a_fresh_token_is_used_for_half_its_life_before_it_is_renewed(
    settings: Settings, office: FleetOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "LASTS", timedelta(seconds=6))
    invited(settings, office)
    asked = {path: noting_when(office.peer, path) for path in (REGISTER, RENEW)}
    with running(settings):
        wait_until(lambda: asked[RENEW], what="the renewal")
    assert asked[RENEW][0] - asked[REGISTER][0] > 2.9


def noting_when(peer: FleetPeer, path: str) -> list[float]:
    """When a path is asked, as the peer itself sees it: a test that looks on may be late, on a busy machine."""
    answer, moments = peer.always[path], list[float]()

    def note(handler: Any, body: Any) -> None:
        moments.append(time.monotonic())
        answer(handler, body)

    peer.always[path] = note
    return moments


def test_a_renewal_that_hangs_keeps_no_scan_back(
    settings: Settings, office: FleetOffice, stored: StoredScans, booked: Booked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "LASTS", timedelta(seconds=1))
    invited(settings, office)
    office.peer.always[RENEW] = hang
    with running(settings):
        wait_until(lambda: office.peer.calls(RENEW), what="a renewal")
        stored.scan("one")
        wait_until(lambda: booked() == ["one"], what="the scan to arrive")
        office.peer.released.set()


def test_a_device_that_is_shut_out_says_so_first_and_delivers_once_that_is_lifted(
    settings: Settings, office: FleetOffice, stored: StoredScans, booked: Booked
) -> None:
    invited(settings, office)
    with running(settings):
        wait_until(lambda: office.peer.calls(REGISTER), what="the enrolment")
        wait_until(office.enrolled, what="it is taken in")
        office.revoke(DEVICE)
        stored.scan("one")
        wait_until(lambda: "shut it out" in said_of_server(settings), what="its word")
        assert booked() == []
        office.lift(DEVICE)
        wait_until(lambda: booked() == ["one"], what="the scan to arrive")


def test_without_openssl_it_delivers_with_what_it_was_given_and_keeps_its_key(
    settings: Settings, office: FleetOffice, stored: StoredScans, booked: Booked, monkeypatch: pytest.MonkeyPatch
) -> None:
    invited(settings, office)
    with running(settings):
        wait_until(office.enrolled, what="it is taken in")
        wait_until((settings.agent_folder / "registration.json").exists, what="it is kept")
    key = (settings.agent_folder / KEY_FILE).read_bytes()
    monkeypatch.setenv("PATH", "/nowhere")
    stored.scan("one")
    with running(settings):
        wait_until(lambda: booked() == ["one"], what="the scan to arrive")
    assert (settings.agent_folder / KEY_FILE).read_bytes() == key


def test_without_openssl_a_new_device_says_what_it_lacks_and_scans_on(
    settings: Settings, office: FleetOffice, stored: StoredScans, booked: Booked, monkeypatch: pytest.MonkeyPatch
) -> None:
    invited(settings, office)
    stored.scan("one")
    with monkeypatch.context() as patched:
        patched.setenv("PATH", "/nowhere")
        with running(settings):
            wait_until(lambda: "this device cannot sign: openssl" in said_of_server(settings), what="its word")
    with running(settings):
        wait_until(lambda: booked() == ["one"], what="the scan to arrive")


def test_where_nothing_can_be_kept_it_delivers_all_the_same_and_is_no_clone(
    settings: Settings, office: FleetOffice, stored: StoredScans, booked: Booked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "LASTS", timedelta(seconds=2))
    token = invited(settings, office)
    in_the_way = settings.agent_folder / "registration.json"
    in_the_way.mkdir()
    for text in ("one", "two"):
        with running(settings):
            stored.scan(text)
            before = office.peer.calls(RENEW)
            wait_until(lambda calls=before: office.peer.calls(RENEW) >= calls + 3, 30, "renewals")  # type: ignore[misc]
            wait_until(lambda last=text: last in booked(), what="the scan to arrive")  # type: ignore[misc]
    assert token.exists(), "it is needed as long as nothing is kept"
    in_the_way.rmdir()
    with running(settings):
        wait_until(in_the_way.exists, what="it is kept")
        wait_until(lambda: not token.exists(), what="the token is erased")
    assert office.alarms() == []


def test_what_one_fleet_gave_is_not_shown_to_another(settings: Settings, office: FleetOffice) -> None:
    invited(settings, office)
    with running(settings):
        wait_until((settings.agent_folder / "registration.json").exists, what="it is kept")
    card = replace(office.card, fleet_id="another12345")
    settings.fleet_card.write_text(json.dumps(card.to_json()))
    before = len(office.peer.received)
    with running(settings):
        wait_until(lambda: "is not found" in said_of_server(settings), what="its word")
    assert {path for path, _ in office.peer.received[before:]} <= {"/api/health"}


def test_while_it_is_not_taken_in_that_is_what_the_status_tells_first(tmp_path: Path) -> None:
    telling = Telling(Bulletin(tmp_path))
    telling.failed("api", "status 401")
    telling.failed(REGISTRAR, "an operator has shut it out")
    telling.failed("update", "status 401")
    assert posts_in(tmp_path)["server"].news["said"] == "an operator has shut it out"
    telling.reached(REGISTRAR)
    assert posts_in(tmp_path)["server"].news["said"] == "status 401"
