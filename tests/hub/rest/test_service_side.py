"""The service side over HTTPS: registry, twins, methods, messages and queries, as Azure IoT Hub answers them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pi_auto.wire import topics
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.hublink import TWIN_CHANGE
from support.hub import RunningHub, running_hub
from support.mqtt import PahoDevice
from support.service import Answer, Service
from support.waiting import wait_until

STALE = {"If-Match": '"x"'}
ANY = {"If-Match": '"*"'}


@pytest.fixture(scope="module")
def https_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    folder: Path = tmp_path_factory.mktemp("https")
    with running_hub(folder, "--https-port", "0") as running:
        yield running


@pytest.fixture(scope="module")
def service(https_hub: RunningHub) -> Service:
    return Service(https_hub)


def created(service: Service, device_id: str, **fields: Any) -> ConnectionString:
    answer = service.ask("PUT", f"/devices/{device_id}", {"deviceId": device_id} | fields)
    assert answer.status == 200, answer
    return ConnectionString(service.host, device_id, answer.body["authentication"]["symmetricKey"]["primaryKey"])


def refused(answer: Answer, status: int, code: str) -> bool:
    says = (
        answer.body["Message"].startswith(f"ErrorCode:{code};")
        and "Tracking ID:" in answer.body["ExceptionMessage"]
    )
    return (answer.status, answer.headers["iothub-errorcode"], says) == (status, code, True)


def test_a_device_is_created_read_changed_and_deleted(service: Service) -> None:
    created(service, "crud")
    read = service.ask("GET", "/devices/crud")
    assert read.headers["etag"] == f'"{read.body["etag"]}"'
    assert (read.body["status"], read.body["connectionState"]) == ("enabled", "Disconnected")
    change = read.body | {"status": "disabled", "statusReason": "lent out"}
    changed = service.ask("PUT", "/devices/crud", change, {"If-Match": read.headers["etag"]}).body
    assert (changed["status"], changed["statusReason"]) == ("disabled", "lent out")
    assert changed["generationId"] == read.body["generationId"]
    assert changed["authentication"] == read.body["authentication"]
    assert service.ask("DELETE", "/devices/crud", headers=ANY).status == 204
    assert refused(service.ask("GET", "/devices/crud"), 404, "DeviceNotFound")


def test_given_keys_are_taken_and_bad_ones_refused(service: Service) -> None:
    keys = {"primaryKey": "QUFBQUFBQUFBQUFBQUFBQQ==", "secondaryKey": "QkJCQkJCQkJCQkJCQkJCQg=="}
    device = created(service, "keys", authentication={"type": "sas", "symmetricKey": keys})
    assert device.key == keys["primaryKey"]
    body = {"deviceId": "bad", "authentication": {"type": "sas", "symmetricKey": {"primaryKey": "short"}}}
    assert refused(service.ask("PUT", "/devices/bad", body), 400, "ArgumentInvalid")


REFUSALS: dict[str, tuple[str, str, Any, dict[str, str], int, str]] = {
    "created twice": ("PUT", "/devices/known", {"deviceId": "known"}, {}, 409, "DeviceAlreadyExists"),
    "a stale ETag": ("PUT", "/devices/known", {"deviceId": "known"}, STALE, 412, "PreconditionFailed"),
    "changed and missing": ("PUT", "/devices/nobody", {"deviceId": "nobody"}, ANY, 404, "DeviceNotFound"),
    "another id": ("PUT", "/devices/known", {"deviceId": "other"}, ANY, 400, "ArgumentInvalid"),
    "a bad id": ("PUT", "/devices/a%20b", {"deviceId": "a b"}, {}, 400, "ArgumentInvalid"),
    "no JSON": ("PUT", "/devices/known", b"{", {}, 400, "ArgumentInvalid"),
    "a list": ("PUT", "/devices/known", [], {}, 400, "ArgumentInvalid"),
    "a status": ("PUT", "/devices/x", {"deviceId": "x", "status": "lost"}, {}, 400, "ArgumentInvalid"),
    "deleted, stale": ("DELETE", "/devices/known", None, STALE, 412, "PreconditionFailed"),
    "a twin, stale": ("PATCH", "/twins/known", {"tags": {}}, STALE, 412, "PreconditionFailed"),
    "a twin, missing": ("GET", "/twins/nobody", None, {}, 404, "DeviceNotFound"),
    "tags too large": ("PATCH", "/twins/known", {"tags": {str(n): "x" * 4000 for n in range(3)}}, {}, 400,
                       "ArgumentInvalid"),
    "a large body": ("PATCH", "/twins/known", b"x" * 2_000_000, {}, 413, "RequestEntityTooLarge"),
    "a device that is away": ("POST", "/twins/known/methods", {"methodName": "a"}, {}, 404, "DeviceNotOnline"),
    "a timeout": ("POST", "/twins/known/methods", {"methodName": "a", "responseTimeoutInSeconds": 1}, {}, 400,
                  "ArgumentInvalid"),
    "a long message": ("POST", "/devices/known/messages/devicebound", b"x" * 70_000, {}, 413,
                       "RequestEntityTooLarge"),
    "a bad query": ("POST", "/devices/query", {"query": "SELECT FROM devices"}, {}, 400, "ArgumentInvalid"),
    "nothing there": ("GET", "/jobs", None, {}, 404, "NotFound"),
    "another method": ("PATCH", "/devices/known", {}, {}, 405, "MethodNotAllowed"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS.values(), ids=REFUSALS.keys())
def test_what_cannot_be_done_is_refused_as_azure_refuses(
    service: Service, case: tuple[str, str, Any, dict[str, str], int, str]
) -> None:
    method, path, body, headers, status, code = case
    service.ask("PUT", "/devices/known", {"deviceId": "known"})
    answer = service.ask(method, path, body, headers)
    assert refused(answer, status, code), answer


def test_disabling_and_deleting_disconnect_the_device(https_hub: RunningHub, service: Service) -> None:
    for number, end in enumerate(("disabled", "deleted")):
        device_id = f"drop-{number}"
        with PahoDevice(https_hub.mqtt_address, created(service, device_id)):
            assert service.ask("GET", f"/devices/{device_id}").body["connectionState"] == "Connected"
            if end == "disabled":
                service.ask("PUT", f"/devices/{device_id}", {"deviceId": device_id, "status": "disabled"}, ANY)
            else:
                service.ask("DELETE", f"/devices/{device_id}", headers=ANY)
            wait_until(lambda: connected_devices(service) == 0, what=f"the device is {end} and gone")


def connected_devices(service: Service) -> int:
    return int(service.ask("GET", "/statistics/service").body["connectedDeviceCount"])


def test_many_are_created_at_once_and_each_failure_is_told(service: Service) -> None:
    items = [{"id": f"bulk-{number}", "importMode": "create"} for number in range(3)]
    assert service.ask("POST", "/devices", items).body == {"isSuccessful": True, "errors": [], "warnings": []}
    again = service.ask("POST", "/devices", [*items[:1], {"id": "bulk-1", "importMode": "delete"}])
    assert again.status == 400
    assert [(error["deviceId"], error["errorCode"]) for error in again.body["errors"]] == [
        ("bulk-0", "DeviceAlreadyExists")
    ]
    assert service.ask("GET", "/devices/bulk-1").status == 404
    assert len(service.ask("GET", "/devices?top=2").body) == 2
    counts = service.ask("GET", "/statistics/devices").body
    assert counts["totalDeviceCount"] == counts["enabledDeviceCount"] + counts["disabledDeviceCount"]


def test_a_twin_is_patched_replaced_and_told_to_the_device(https_hub: RunningHub, service: Service) -> None:
    with PahoDevice(https_hub.mqtt_address, created(service, "twin")) as device:
        device.subscribe(topics.DESIRED_PATCHES)
        change = {"tags": {"site": "A"}, "properties": {"desired": {"a": {"b": 1}, "c": 2}}}
        twin = service.ask("PATCH", "/twins/twin", change).body
        topic, body = device.answers.get(timeout=10)
        assert (topic, json.loads(body)["a"]) == (f"{topics.DESIRED_PATCHES[:-1]}?$version=2", {"b": 1})
        device.subscribe(topics.TWIN_RESPONSES)
        assert device.report({"status": "online"})[0] == 204
    assert (twin["tags"], twin["version"]) == ({"site": "A"}, 3)
    metadata = twin["properties"]["desired"]["$metadata"]
    assert metadata["a"]["b"]["$lastUpdatedVersion"] == metadata["$lastUpdatedVersion"] == 2
    read = service.ask("GET", "/twins/twin").body
    assert read["properties"]["reported"]["status"] == "online"
    assert "$lastUpdated" in read["properties"]["reported"]["$metadata"]["status"]
    assert read["etag"] == twin["etag"]  # Azure: reports change the version, not the ETag
    whole = service.ask("PUT", "/twins/twin", read | {"tags": {"x": 1}}, {"If-Match": f'"{read["etag"]}"'}).body
    assert whole["tags"] == {"x": 1}
    assert {"a": {"b": 1}, "c": 2}.items() <= whole["properties"]["desired"].items()
    with https_hub.events() as events:
        tags = events.until(lambda event: event.type == TWIN_CHANGE and "tags" in event.body)[-1]
    assert tags.body == {"tags": {"site": "A"}, "properties": {"desired": change["properties"]["desired"]},  # type: ignore[index]
                         "version": 2}  # fmt: skip


def test_what_a_put_takes_out_of_a_twin_is_told_as_null(https_hub: RunningHub, service: Service) -> None:
    """Device and events merge what they are told: they would keep for ever what is only not named any more."""
    with PahoDevice(https_hub.mqtt_address, created(service, "replaced")) as device:
        device.subscribe(topics.DESIRED_PATCHES)
        before = {"tags": {"site": "A", "floor": 1}, "properties": {"desired": {"a": {"b": 1, "c": 2}, "d": 3}}}
        service.ask("PATCH", "/twins/replaced", before)
        device.answers.get(timeout=10)
        after = {"tags": {"floor": 2}, "properties": {"desired": {"a": {"b": 1}}}}
        twin = service.ask("PUT", "/twins/replaced", after).body
        _, told = device.answers.get(timeout=10)
    desired = {"a": {"b": 1, "c": None}, "d": None}
    assert json.loads(told) == desired | {"$version": 3}
    assert twin["properties"]["desired"].items() >= {"a": {"b": 1}}.items()
    assert "d" not in twin["properties"]["desired"]
    with https_hub.events() as events:
        tags = events.until(lambda event: event.device_id == "replaced" and event.body == {
            "tags": {"site": None, "floor": 2}, "properties": {"desired": desired}, "version": 3})[-1]  # fmt: skip
    assert tags.type == TWIN_CHANGE


def test_a_method_is_answered_by_its_device(https_hub: RunningHub, service: Service) -> None:
    with PahoDevice(https_hub.mqtt_address, created(service, "method")) as device, ThreadPoolExecutor(1) as pool:
        device.subscribe(topics.METHODS)
        wanted = {"methodName": "echo", "payload": [1, None]}
        call = pool.submit(service.ask, "POST", "/twins/method/methods", wanted)
        topic, payload = device.answers.get(timeout=10)
        assert json.loads(payload) == [1, None]
        request_id = topic.partition("$rid=")[2]
        device.client.publish(f"$iothub/methods/res/207/?$rid={request_id}", b'{"heard":true}')
        answer = call.result(10)
    assert (answer.status, answer.body) == (200, {"status": 207, "payload": {"heard": True}})


def test_a_message_waits_for_its_device_and_fifty_are_enough(service: Service) -> None:
    created(service, "mail")
    headers = {"iothub-messageid": "m-1", "iothub-app-colour": "red", "Content-Type": "text/plain"}
    for _ in range(50):
        assert service.ask("POST", "/devices/mail/messages/devicebound", b"hello", headers).status == 204
    full = service.ask("POST", "/devices/mail/messages/devicebound", b"hello", headers)
    assert refused(full, 403, "DeviceMaximumQueueDepthExceeded")
    purged = service.ask("DELETE", "/devices/mail/messages/devicebound").body
    assert purged == {"deviceId": "mail", "moduleId": None, "totalMessagesPurged": 50}


def test_a_query_comes_page_by_page(service: Service) -> None:
    for number in range(5):
        created(service, f"query-{number}")
        service.ask("PATCH", f"/twins/query-{number}", {"tags": {"row": number, "even": number % 2 == 0}})
    query = {"query": "SELECT deviceId, tags.row AS row FROM devices WHERE is_defined(tags.row) AND tags.row != 1"}
    rows, headers = [], {"x-ms-max-item-count": "2"}
    pages = 0
    while True:
        page = service.ask("POST", "/devices/query", query, headers)
        assert page.headers["x-ms-item-type"] == "raw"
        rows += page.body
        pages += 1
        if "x-ms-continuation" not in page.headers:
            break
        headers["x-ms-continuation"] = page.headers["x-ms-continuation"]
    assert ([row["row"] for row in rows], pages) == ([0, 2, 3, 4], 2)
    grouped = {"query": "SELECT tags.even AS even, COUNT() AS n FROM devices WHERE STARTSWITH(deviceId, 'query-') "
                        "GROUP BY tags.even"}  # fmt: skip
    assert service.ask("POST", "/devices/query", grouped).body == [{"even": True, "n": 3}, {"even": False, "n": 2}]


RIGHTS = [
    ("iothubowner", {"GET /devices", "PUT /devices/r", "GET /twins/r", "POST /devices/query"}),
    ("service", {"GET /twins/r"}),
    ("registryRead", {"GET /devices", "POST /devices/query"}),
    ("registryReadWrite", {"GET /devices", "PUT /devices/r", "POST /devices/query"}),
    ("device", set()),
]


@pytest.mark.parametrize(("policy", "may"), RIGHTS)
def test_a_policy_may_what_it_may_at_azure(https_hub: RunningHub, policy: str, may: set[str]) -> None:
    service = Service(https_hub, policy)
    asked = {"GET /devices": None, "PUT /devices/r": {"deviceId": "r"}, "GET /twins/r": None,
             "POST /devices/query": {"query": "SELECT * FROM devices"}}  # fmt: skip
    answers = {name: service.ask(name.split(" ")[0], name.split(" ")[1], body) for name, body in asked.items()}
    assert {name for name, answer in answers.items() if answer.status != 401} == may


def test_a_token_that_proves_nothing_is_refused_and_one_for_a_part_counts_there(service: Service) -> None:
    created(service, "token")
    path = "/devices/token"
    tokens = {
        "expired": service.token(expires_in=-1),
        "another hub": service.token(resource="other.example"),
        "another path": service.token(resource=f"{service.host}/devices/tok"),
        "another key": service.token(key="QUFBQUFBQUFBQUFBQUFBQQ=="),
        "none": "",
        "not one": "Bearer x",
    }
    for token in tokens.values():
        assert refused(service.ask("GET", path, token=token), 401, "IotHubUnauthorizedAccess")
    for resource in (service.host.upper(), f"{service.host}/devices", f"{service.host}{path}"):
        assert service.ask("GET", path, token=service.token(resource=resource)).status == 200
    assert refused(service.ask("GET", path, version=""), 400, "InvalidProtocolVersion")


def test_what_was_answered_outlives_a_kill(tmp_path: Path) -> None:
    with running_hub(tmp_path, "--https-port", "0") as hub:
        service = Service(hub)
        created(service, "kept")
        twin = service.ask("PATCH", "/twins/kept", {"tags": {"a": 1}}).body
        hub.kill()
        hub.start()
        began = time.monotonic()
        assert service.ask("GET", "/twins/kept").body == twin
        assert time.monotonic() - began < 10
