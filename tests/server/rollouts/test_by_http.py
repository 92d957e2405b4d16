"""The update endpoints over real books: forty devices take a release by the API's calls, each as itself."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert

from pi_auto.server.admin.administrator import Administrator
from pi_auto.server.admin.requests import answer
from pi_auto.server.releases.tables import releases, update_reports
from pi_auto.server.rollouts.leading import look
from pi_auto.wire.times import format_time
from pi_auto.wire.update import Offer, read_answer
from support.api import Api, Device
from support.rollout import NEW, OLD, WHY, release_row, update_id_of

DEVICES = [f"pi-{number:08x}" for number in range(40)]


@pytest.fixture
def devices(api: Api) -> list[Device]:
    """Forty devices of a server that has two releases."""

    def publish(books: Any) -> None:
        books.execute(insert(releases), [release_row(1, OLD), release_row(2, NEW)])

    api.context.writer.submit(publish).result(20)
    return [api.device(each) for each in DEVICES]


def ask(api: Api, request: str, **told: Any) -> dict[str, Any]:
    return answer(Administrator(api.context, "ann"), told | {"request": request})


def check(device: Device, version: str = OLD) -> dict[str, Any]:
    query = {"device_id": device.device_id, "current_version": version}
    headers = {"Authorization": f"Bearer {device.token}"}
    answered = device.api.client.get("/api/ota/check_update", query_string=query, headers=headers)
    assert answered.status_code == 200, answered.text
    found: dict[str, Any] = answered.get_json()
    return found


def tell(device: Device, step: str, status: str, token: str | None = None, **told: Any) -> int:
    body = {"device_id": device.device_id, "version": NEW, "status": status, "step": step} | told
    body |= {"timestamp": format_time(device.api.clock()), "update_id": update_id_of(NEW)}
    headers = {"Authorization": f"Bearer {token or device.token}"} if token != "" else {}
    return device.api.client.post("/api/ota/update_status", json=body, headers=headers).status_code


def start(api: Api, stages: str = "100%") -> int:
    number = int(ask(api, "rollout plan", version=NEW, stages=stages)["id"])
    ask(api, "rollout start", rollout=number)
    return number


@pytest.mark.parametrize("broken", [0, 3])
def test_a_fleet_takes_a_release_or_stops_at_the_third_failure(
    api: Api, devices: list[Device], broken: int
) -> None:
    number = start(api)
    reached = 0
    for place, device in enumerate(devices):
        if not isinstance(read_answer(check(device)), Offer):
            break
        reached += 1
        fails = place < broken
        for step in ("downloading", "verified", "trial"):
            assert tell(device, step, "in_progress") == 200
        ended = ("rolled_back", "failed") if fails else ("committed", "success")
        assert tell(device, *ended, **({"reason": WHY} if fails else {})) == 200
    look(api.context)
    shown = ask(api, "rollout show", rollout=number)["rollout"]
    if broken:
        assert (reached, shown["state"], shown["failed"]) == (3, "paused", 3)
        assert check(devices[-1])["has_update"] is False
    else:
        assert (reached, shown["state"], shown["committed"]) == (40, "completed", 40)
        assert len(api.rows(update_reports)) == 160


def test_nobody_tells_a_failure_for_another_device_or_without_a_token(api: Api, devices: list[Device]) -> None:
    number = start(api)
    check(devices[0])
    assert tell(devices[0], "rolled_back", "failed", devices[1].token) == 403
    assert (
        tell(devices[0], "rolled_back", "failed", "") == 200
    )  # kept, as of an old client, and believed by nobody
    shown = ask(api, "rollout show", rollout=number)["rollout"]
    assert (shown["failed"], shown["under_way"]) == (0, 1)


def test_without_a_token_nothing_is_offered(api: Api, devices: list[Device]) -> None:
    start(api)
    query = {"device_id": devices[0].device_id, "current_version": OLD}
    answered = api.get("/api/ota/check_update", **query).get_json()
    assert answered == {"has_update": False, "current_version": OLD, "message": "no update is available"}


def test_a_version_that_is_none_is_refused_by_name(api: Api, devices: list[Device]) -> None:
    query = {"device_id": devices[0].device_id, "current_version": "2.0; rm -rf"}
    headers = {"Authorization": f"Bearer {devices[0].token}"}
    answered = api.client.get("/api/ota/check_update", query_string=query, headers=headers)
    assert answered.status_code == 400
    assert answered.get_json()["field"] == "current_version"
