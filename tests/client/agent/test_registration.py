from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.enrolment.identity import Identity, identity_of
from pi_auto.client.agent.enrolment.registration import register, store_registration, stored_registration
from pi_auto.client.agent.enrolment.standing import Standing
from pi_auto.client.agent.enrolment.system_info import system_info
from pi_auto.client.agent.errors import Garbled, Refused
from pi_auto.client.endpoint import Endpoint
from pi_auto.wire.registration import RegistrationAnswer
from support.fleet_peer import REGISTER, FleetPeer, answer

from .conftest import DEVICE, nobody


@pytest.fixture
def api(server: FleetPeer) -> Iterator[ServerApi]:
    made = ServerApi(Endpoint.of(server.url), patience=5)
    yield made
    made.close()


def given(**changes: object) -> RegistrationAnswer:
    values: dict[str, object] = {"api_token": "t" * 32} | changes
    return RegistrationAnswer(DEVICE, datetime(2026, 11, 23, tzinfo=UTC), None, "http://server", **values)  # type: ignore[arg-type]


def test_registering_twice_is_one_device_with_one_claim(server: FleetPeer, api: ServerApi, tmp_path: Path) -> None:
    for _ in range(2):
        identity = identity_of(tmp_path, DEVICE)
        assert register(api, identity, system_info(("127.0.0.1", 1))).device_id == DEVICE
    assert server.claims == {DEVICE: identity.claim}


def test_a_device_tells_what_the_legacy_contract_names(server: FleetPeer, api: ServerApi) -> None:
    register(api, Identity(DEVICE, "a" * 64), system_info(("127.0.0.1", 1)))
    info = server.received[-1][1]["system_info"]
    names = "hostname ip_address uptime_seconds total_memory_kb cpu_model mac_address services os_info"
    assert set(info) == set(names.split())
    assert info["ip_address"] == "127.0.0.1"
    assert info["uptime_seconds"] > 0
    assert info["total_memory_kb"] > 0


@pytest.mark.parametrize("server", ["fleet.example", "no such host", "::1", "127.0.0.1"])
def test_a_device_tells_its_address_without_asking_any_name_server(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *query: asked.append(query))
    assert isinstance(system_info((server, 443))["ip_address"], str)
    assert asked == []


def test_a_stolen_id_without_the_claim_is_refused(api: ServerApi) -> None:
    register(api, Identity(DEVICE, "a" * 64), {})
    with pytest.raises(Refused, match="claimed by another"):
        register(api, Identity(DEVICE, "b" * 64), {})


@pytest.mark.parametrize("change", [{"device_id": "pi-99999999"}, {"server_info": None}, {"api_token": "short"}])
def test_an_answer_that_cannot_be_ours_is_garbled(
    server: FleetPeer, api: ServerApi, change: dict[str, object]
) -> None:
    server.fail(REGISTER, answer(given().to_json() | change))
    with pytest.raises(Garbled):
        register(api, Identity(DEVICE, "a" * 64), {})


def test_what_was_given_is_kept_for_this_user_alone(tmp_path: Path) -> None:
    store_registration(tmp_path, "http://server", given())
    assert (tmp_path / "registration.json").stat().st_mode & 0o777 == 0o600
    assert stored_registration(tmp_path, "http://server", DEVICE) == given()


@pytest.mark.parametrize(("server_url", "device_id"), [("http://other", DEVICE), ("http://server", "pi-99999999")])
def test_what_one_server_gave_is_never_shown_to_another(tmp_path: Path, server_url: str, device_id: str) -> None:
    store_registration(tmp_path, "http://server", given())
    assert stored_registration(tmp_path, server_url, device_id) is None


@pytest.mark.parametrize(
    "content", ["", "[]", "[" * 20_000, "{}", '{"answer": {}}', json.dumps({"answer": given().to_json()})]
)
def test_a_damaged_registration_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "registration.json").write_text(content)
    assert stored_registration(tmp_path, "http://server", DEVICE) is None


class TestStanding:
    @pytest.fixture(autouse=True)
    def make(self, rng: Random) -> None:
        self.calls: list[str] = []
        self.first = given()
        self.standing = Standing(
            self.first, rng, 300.0,
            asked=lambda: self.calls.append("asked"), changed=lambda: self.calls.append("changed"),
        )  # fmt: skip

    def test_a_device_without_a_registration_asks_at_once(self, rng: Random) -> None:
        assert Standing(None, rng, 300.0, asked=nobody, changed=nobody).ask_at() == 0.0

    def test_a_content_device_asks_for_nothing(self) -> None:
        assert self.standing.ask_at() is None

    def test_the_first_complaint_asks_at_once(self) -> None:
        self.standing.complain("api", self.first)
        assert (self.standing.ask_at(), self.calls) == (0.0, ["asked"])

    def test_a_complaint_about_what_was_replaced_already_is_moot(self) -> None:
        self.standing.replace(given(), now=0.0)
        self.standing.complain("api", self.first)
        assert self.standing.ask_at() is None

    def test_complaining_on_earns_ever_longer_pauses(self) -> None:
        earliest = []
        for _ in range(30):
            self.standing.complain("hub", self._current())
            earliest.append(self.standing.ask_at() or 0.0)
            self.standing.replace(given(), now=0.0)
        assert earliest[0] == 0.0
        assert max(earliest[1:3]) < 20.0 < max(earliest[10:]) <= 300.0

    def test_one_worker_that_is_content_leaves_the_others_pauses_alone(self) -> None:
        self.standing.complain("hub", self._current())
        self.standing.replace(given(), now=time.monotonic())
        self.standing.content("api")
        self.standing.complain("hub", self._current())
        assert (self.standing.ask_at() or 0.0) > time.monotonic() - 60.0 > 0.0

    def test_a_worker_that_is_content_again_may_complain_at_once(self) -> None:
        self.standing.complain("hub", self._current())
        self.standing.replace(given(), now=1000.0)
        self.standing.content("hub")
        self.standing.complain("hub", self._current())
        assert self.standing.ask_at() == 0.0

    def _current(self) -> RegistrationAnswer:
        current = self.standing.given()
        assert current is not None
        return current
