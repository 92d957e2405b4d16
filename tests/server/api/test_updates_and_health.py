from __future__ import annotations

from typing import Any

import pytest

from pi_auto.server.fleet.tables import devices
from pi_auto.server.releases.tables import update_reports
from pi_auto.version import __version__
from pi_auto.wire.times import format_time
from support.api import DEVICE, NOW, Api

ASKED = {"device_id": DEVICE, "current_version": "1.0.0"}
STATUS = {"device_id": DEVICE, "version": "1.1.0", "status": "success", "timestamp": "2026-11-23T12:00:00.000Z"}


def test_health_is_what_discovery_looks_for(api: Api) -> None:
    answer = api.get("/api/health")
    assert answer.status_code == 200
    assert answer.get_json() == {
        "status": "healthy",
        "service": "barcode_scanner_server",
        "timestamp": format_time(NOW),
        "version": __version__,
    }


def test_nobody_is_offered_an_update(api: Api) -> None:
    answer = api.get("/api/ota/check_update", **ASKED)
    assert answer.status_code == 200
    assert answer.get_json() == {
        "has_update": False,
        "current_version": "1.0.0",
        "message": "no update is available",
    }


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/api/ota/check_update", {"current_version": "1"}, "device_id"),
        ("/api/ota/check_update", {"device_id": DEVICE}, "current_version"),
        ("/api/ota/check_update", ASKED | {"device_id": "x" * 64}, "device_id"),
        ("/api/ota/check_update", ASKED | {"other": "1"}, "other"),
        ("/api/ota/download_update", {}, "update_id"),
    ],
)
def test_a_missing_or_wrong_parameter_is_named(api: Api, path: str, query: dict[str, str], field: str) -> None:
    answer = api.get(path, **query)
    assert answer.status_code == 400
    assert answer.get_json()["field"] == field


def test_there_is_nothing_to_download(api: Api) -> None:
    answer = api.get("/api/ota/download_update", update_id="1")
    assert answer.status_code == 404
    assert answer.get_json()["error"]


def test_the_status_of_an_update_is_kept(api: Api) -> None:
    api.device()
    answer = api.client.post("/api/ota/update_status", json=STATUS)
    assert answer.status_code == 200
    assert answer.get_json()["status"] == "received"
    assert [(row.device_id, row.version, row.status) for row in api.rows(update_reports)] == [
        (DEVICE, "1.1.0", "success")
    ]


def test_the_status_of_an_unknown_device_is_not(api: Api) -> None:
    answer = api.client.post("/api/ota/update_status", json=STATUS)
    assert answer.status_code == 404
    assert api.rows(update_reports) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"status": "fine"}, "status"),
        ({"version": "1.0; rm -rf"}, "version"),
        ({"timestamp": None}, "timestamp"),
        ({"device_id": ""}, "device_id"),
    ],
)
def test_a_wrong_status_is_refused_by_name(api: Api, changes: dict[str, Any], field: str) -> None:
    answer = api.client.post("/api/ota/update_status", json=STATUS | changes)
    assert answer.status_code == 400
    assert answer.get_json()["field"] == field


def test_a_token_that_is_shown_must_fit_the_device_that_is_named(api: Api) -> None:
    other = api.device("pi-00000002")
    api.device()
    headers = {"Authorization": f"Bearer {other.token}"}
    for answer in (
        api.client.get("/api/ota/check_update", query_string=ASKED, headers=headers),
        api.client.post("/api/ota/update_status", json=STATUS, headers=headers),
    ):
        assert answer.status_code == 403
        assert answer.get_json()["field"] == "device_id"


def test_a_check_with_a_token_is_a_sign_of_life(api: Api) -> None:
    device = api.device()
    api.clock.pass_by(3600)
    api.client.get(
        "/api/ota/check_update", query_string=ASKED, headers={"Authorization": f"Bearer {device.token}"}
    )
    assert [row.last_api_at for row in api.rows(devices)] == [api.clock()]
