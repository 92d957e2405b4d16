from __future__ import annotations

import json
from typing import Any

import pytest

from pi_auto.server.fleet.tables import devices, tokens
from pi_auto.server.links.events import book_event
from pi_auto.wire.hublink import TWIN_CHANGE, Event
from pi_auto.wire.registration import RegistrationAnswer
from support.api import DEVICE, Api, Registry, registration

MINE, OTHER = "a" * 64, "b" * 64
HUGE = {"key": "x" * 20_000}
TOWER = json.loads('{"a":' * 900 + "1" + "}" * 900)


def test_a_registration_is_answered_in_the_legacy_contracts_shape(api_with_hub: Api) -> None:
    answer = api_with_hub.register(claim=MINE)
    assert answer.status_code == 200
    told = answer.get_json()
    assert told.keys() >= {
        "status",
        "message",
        "device_id",
        "registration_date",
        "connection_string",
        "server_info",
    }
    assert told["status"] == "success"
    assert told["device_id"] == DEVICE
    assert told["connection_string"] == f"HostName=hub.local;DeviceId={DEVICE};SharedAccessKey=c2VjcmV0"
    assert told["server_info"] == {
        "server_url": "http://localhost",
        "api_version": "1.0",
        "update_interval": 3600,
        "heartbeat_interval": 30,
    }
    assert RegistrationAnswer.from_json(told).hub is not None


def test_the_same_claim_again_gets_a_fresh_token_and_the_same_row(api_with_hub: Api) -> None:
    first, again = (api_with_hub.register(claim=MINE).get_json() for _ in range(2))
    assert again["api_token"] != first["api_token"]
    assert again["connection_string"] == first["connection_string"]
    assert again["registration_date"] == first["registration_date"]
    assert len(api_with_hub.rows(devices)) == 1


def test_the_last_two_tokens_of_a_device_are_good(api: Api) -> None:
    issued = []
    for _ in range(3):
        issued.append(api.register(claim=MINE).get_json()["api_token"])
        api.clock.pass_by(1)
    statuses = [status_with(api, token) for token in issued]
    assert statuses == [401, 200, 200]
    assert len(api.rows(tokens)) == 2


@pytest.mark.parametrize("claim", [OTHER, None])
def test_nobody_else_gets_a_claimed_devices_credentials(api: Api, claim: str | None) -> None:
    api.register(claim=MINE, client_version="1.0.0")
    answer = api.register(claim=claim, client_version="6.6.6")
    assert answer.status_code == 409
    assert set(answer.get_json()) == {"error"}
    assert DEVICE in answer.get_json()["error"]
    assert [row.client_version for row in api.rows(devices)] == ["1.0.0"]
    assert len(api.rows(tokens)) == 1


def test_a_refused_registration_never_reaches_the_hub(api_with_hub: Api, registry: Registry) -> None:
    api_with_hub.register(claim=MINE)
    registry.devices.clear()
    assert api_with_hub.register(claim=OTHER).status_code == 409
    assert registry.devices == set()


def test_a_device_without_a_claim_gets_its_credentials_once(api_with_hub: Api) -> None:
    first, again = (api_with_hub.register() for _ in range(2))
    assert first.status_code == again.status_code == 200
    assert first.get_json()["connection_string"]
    assert first.get_json()["api_token"]
    assert again.get_json()["connection_string"] is None
    assert again.get_json()["api_token"] is None
    assert "once" in again.get_json()["message"]
    assert len(api_with_hub.rows(devices)) == 1


def test_a_claim_cannot_take_over_a_device_that_registered_without_one(api: Api) -> None:
    api.register()
    assert api.register(claim=OTHER).status_code == 409


def test_a_row_that_only_the_hub_made_is_adopted_by_the_first_claim(api: Api) -> None:
    event = Event(1, TWIN_CHANGE, DEVICE, "2026-11-23T12:00:00.000Z", body={"properties": {"reported": {"a": 1}}})
    api.context.writer.submit(lambda books: book_event(books, event, api.clock())).result(10)
    assert api.register(claim=MINE).get_json()["api_token"]
    assert api.register(claim=OTHER).status_code == 409
    assert [row.reported for row in api.rows(devices)] == [{"a": 1}]


def test_with_the_hub_off_there_is_a_token_but_no_connection_string(api: Api) -> None:
    told = api.register(claim=MINE).get_json()
    assert told["connection_string"] is None
    assert told["hub"] is None
    assert told["api_token"]


def test_while_the_hub_is_away_a_registration_is_put_off_whole(api_with_hub: Api, registry: Registry) -> None:
    registry.away = True
    answer = api_with_hub.register(claim=MINE)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert api_with_hub.rows(devices) == []
    registry.away = False
    assert api_with_hub.register(claim=MINE).get_json()["connection_string"]


def test_a_known_device_without_a_claim_is_welcome_while_the_hub_is_away(
    api_with_hub: Api, registry: Registry
) -> None:
    api_with_hub.register()
    registry.away = True
    assert api_with_hub.register().status_code == 200


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"device_id": None}, "device_id"),
        ({"device_id": "../../etc"}, "device_id"),
        ({"device_id": "p" * 64}, "device_id"),
        ({"device_id": ["pi-1"]}, "device_id"),
        ({"device_type": "toaster"}, "device_type"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": 5}, "timestamp"),
        ({"system_info": "none"}, "system_info"),
        ({"system_info": HUGE}, "system_info"),
        ({"system_info": TOWER}, "system_info"),
        ({"client_version": "v" * 65}, "client_version"),
        ({"claim": "abc"}, "claim"),
        ({"claim": "A" * 64}, "claim"),
        ({"auto_registered": "yes"}, "auto_registered"),
    ],
)
def test_a_wrong_field_is_refused_by_name(api: Api, changes: dict[str, Any], field: str) -> None:
    answer = api.client.post("/api/register_device", json=registration() | changes)
    assert answer.status_code == 400
    told = answer.get_json()
    assert told["field"] == field
    assert told["allowed"]
    assert field in told["error"]
    assert api.rows(devices) == []


def status_with(api: Api, token: str) -> int:
    query = {"device_id": DEVICE, "current_version": "1"}
    headers = {"Authorization": f"Bearer {token}"}
    return api.client.get("/api/ota/check_update", query_string=query, headers=headers).status_code
