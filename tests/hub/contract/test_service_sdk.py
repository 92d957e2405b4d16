"""azure-iot-hub, unmodified: IoTHubRegistryManager over REST. Messages it sends by AMQP, which our hub has not."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.hublink import TELEMETRY
from support.hub import RunningHub
from support.sdk import SdkDevice, SdkError, SdkService
from support.service import Service

pytestmark = pytest.mark.port_443
KEYS = ("QUFBQUFBQUFBQUFBQUFBQQ==", "QkJCQkJCQkJCQkJCQkJCQg==")


@pytest.fixture(scope="module")
def service(hub: RunningHub) -> Iterator[SdkService]:
    with SdkService(hub) as running:
        yield running


def create(service: SdkService, device_id: str, status: str = "enabled") -> dict[str, Any]:
    device: dict[str, Any] = service.call("create_device_with_sas", device_id, *KEYS, status)
    return device


def fails(service: SdkService, name: str, *arguments: Any) -> int | None:
    """The status of a call that is refused."""
    with pytest.raises(SdkError) as raised:
        service.call(name, *arguments)
    return raised.value.status


def twin(**fields: Any) -> dict[str, Any]:
    desired = fields.pop("desired", None)
    return (
        {"model": "Twin"}
        | fields
        | ({"properties": {"model": "TwinProperties", "desired": desired}} if desired else {})
    )


def test_a_device_is_created_read_updated_and_deleted(service: SdkService) -> None:
    made = create(service, "crud")
    assert (made["device_id"], made["status"]) == ("crud", "enabled")
    assert made["authentication"]["symmetric_key"] == {"primary_key": KEYS[0], "secondary_key": KEYS[1]}
    read = service.call("get_device", "crud")
    assert read == made
    changed = service.call("update_device_with_sas", "crud", read["etag"], KEYS[1], KEYS[0], "disabled")
    assert changed["status"] == "disabled"
    assert changed["authentication"]["symmetric_key"] == {"primary_key": KEYS[1], "secondary_key": KEYS[0]}
    assert service.call("delete_device", "crud") is None
    assert fails(service, "get_device", "crud") == 404


def test_what_cannot_be_done_is_told_by_azures_statuses(service: SdkService) -> None:
    old = create(service, "refused")["etag"]
    assert fails(service, "create_device_with_sas", "refused", *KEYS, "enabled") == 409
    service.call("update_device_with_sas", "refused", old, *KEYS, "disabled")
    assert fails(service, "update_device_with_sas", "refused", old, *KEYS, "enabled") == 412
    assert fails(service, "delete_device", "refused", old) == 412
    assert fails(service, "delete_device", "nobody") == 404
    assert fails(service, "get_twin", "nobody") == 404
    assert fails(service, "create_device_with_sas", "white space", *KEYS, "enabled") == 400
    assert fails(service, "update_twin", "refused", twin(tags={"x": "y" * 9000})) == 400


def test_a_policy_that_may_only_read_cannot_create(hub: RunningHub, service: SdkService) -> None:
    create(service, "readable")
    with SdkService(hub, "registryRead") as reader:
        assert reader.call("get_device", "readable")["device_id"] == "readable"
        assert fails(reader, "create_device_with_sas", "x", *KEYS, "enabled") == 401


def test_a_twin_is_read_updated_and_replaced(service: SdkService) -> None:
    create(service, "twin")
    first = service.call("get_twin", "twin")
    assert (first["device_id"], first["version"]) == ("twin", 1)
    service.call("update_twin", "twin", twin(tags={"site": "north", "row": 1}, desired={"a": {"b": 1}, "c": 2}))
    changed = service.call("update_twin", "twin", twin(tags={"row": None}, desired={"a": {"b": None, "d": 3}}))
    assert changed["tags"] == {"site": "north"}
    desired = changed["properties"]["desired"]
    assert {name: desired[name] for name in ("a", "c", "$version")} == {"a": {"d": 3}, "c": 2, "$version": 3}
    assert fails(service, "update_twin", "twin", twin(tags={"x": 1}), first["etag"]) == 412
    replaced = service.call("replace_twin", "twin", twin(tags={"only": True}), changed["etag"])
    assert replaced["tags"] == {"only": True}


def test_a_twin_shows_what_the_device_reports_and_the_device_hears_what_is_desired(
    hub: RunningHub, service: SdkService
) -> None:
    create(service, "both")
    with SdkDevice(hub, hub.put_device("both"), "async") as device:
        device.call("listen", "desired")
        service.call("update_twin", "both", twin(desired={"interval": 60}))
        assert device.heard("desired") == {"interval": 60, "$version": 2}
        device.call("patch_twin_reported_properties", {"interval": 60})
        seen = service.call("get_twin", "both")
    assert seen["properties"]["reported"]["interval"] == 60
    assert seen["connection_state"] == "Connected"


def test_a_method_is_answered_refused_timed_out_and_finds_nobody(hub: RunningHub, service: SdkService) -> None:
    def method(name: str, payload: object, **more: int) -> dict[str, Any]:
        return {"model": "CloudToDeviceMethod", "method_name": name, "payload": payload} | more

    create(service, "method")
    assert fails(service, "invoke_device_method", "method", method("echo", 1)) == 404
    with SdkDevice(hub, hub.put_device("method"), "sync") as device:
        device.call("listen", "method")
        answer = service.call("invoke_device_method", "method", method("echo", {"a": [1, None]}))
        assert answer == {"status": 200, "payload": {"a": [1, None]}}
        assert service.call("invoke_device_method", "method", method("refuse", None))["status"] == 418
        quick = {"response_timeout_in_seconds": 5, "connect_timeout_in_seconds": 0}
        assert fails(service, "invoke_device_method", "method", method("silence", 1, **quick)) == 504


def test_a_query_comes_page_by_page_and_can_group(service: SdkService) -> None:
    for number in range(5):
        create(service, f"query-{number}")
        service.call("update_twin", f"query-{number}", twin(tags={"row": number, "even": number % 2 == 0}))
    twins = {"model": "QuerySpecification", "query": "SELECT * FROM devices WHERE tags.row >= 1"}
    pages = [service.call("query_iot_hub", twins, None, 2)]
    while pages[-1]["continuation_token"]:
        pages.append(service.call("query_iot_hub", twins, pages[-1]["continuation_token"], 2))
    assert [page["type"] for page in pages] == ["twin", "twin"]
    found = [item["device_id"] for page in pages for item in page["items"]]
    assert sorted(found) == ["query-1", "query-2", "query-3", "query-4"]
    grouped = {
        "model": "QuerySpecification",
        "query": "SELECT tags.even, COUNT() AS n FROM devices WHERE is_defined(tags.even) GROUP BY tags.even",
    }
    told = service.call("query_iot_hub", grouped)
    assert told["type"] == "raw"
    assert told["items"] == [{"even": True, "n": 3}, {"even": False, "n": 2}]
    assert fails(service, "query_iot_hub", {"model": "QuerySpecification", "query": "SELECT FROM devices"}) == 400


def test_many_are_created_and_deleted_at_once_and_each_failure_is_told(service: SdkService) -> None:
    def change(device_id: str, mode: str) -> dict[str, Any]:
        return {"model": "ExportImportDevice", "id": device_id, "import_mode": mode, "status": "enabled"}

    create(service, "bulk-old")
    answer = service.call(
        "bulk_create_or_update_devices",
        [change(f"bulk-{number}", "create") for number in range(3)] + [change("bulk-old", "create")],
    )
    assert answer["is_successful"] is False
    assert [error["device_id"] for error in answer["errors"]] == ["bulk-old"]
    assert service.call("get_device", "bulk-2")["status"] == "enabled"
    gone = service.call(
        "bulk_create_or_update_devices", [change(f"bulk-{number}", "delete") for number in range(3)]
    )
    assert gone["is_successful"] is True
    assert fails(service, "get_device", "bulk-2") == 404


def test_devices_are_listed_and_counted(hub: RunningHub, service: SdkService) -> None:
    create(service, "counted")
    create(service, "counted-out", "disabled")
    before = service.call("get_device_registry_statistics")
    assert before["total_device_count"] == len(service.call("get_devices", 1000))
    assert before["disabled_device_count"] >= 1
    assert before["enabled_device_count"] + before["disabled_device_count"] == before["total_device_count"]
    assert len(service.call("get_devices", 1)) == 1
    with SdkDevice(hub, hub.put_device("counted"), "sync") as device:
        device.call("connect")
        assert service.call("get_service_statistics")["connected_device_count"] >= 1


# Azure allows + and # as well, with which no topic can be subscribed to.
@pytest.mark.parametrize("name", ["A-.:_0", "(50%!),*@$'", "a%2Fb?c=d", "x" * 128])
def test_a_device_may_have_any_name_that_fits_a_topic(
    hub: RunningHub, service: SdkService, name: str, client: str
) -> None:
    made = create(service, name)
    known = ConnectionString(hub.mqtt_address[0], name, made["authentication"]["symmetric_key"]["primary_key"])
    with SdkDevice(hub, known, client) as device:
        device.call("listen", "message", "desired", "method")
        device.call("send_message", {"body": "hello"})
        device.call("patch_twin_reported_properties", {"name": name})
        assert device.call("get_twin")["reported"]["name"] == name
        posted = Service(hub).ask("POST", f"/devices/{quote(name, safe='')}/messages/devicebound", b"hi")
        assert posted.status == 204
        assert device.heard("message")["body"] == "hi"
        call = {"model": "CloudToDeviceMethod", "method_name": "echo", "payload": name}
        assert service.call("invoke_device_method", name, call)["payload"] == name
    with hub.events() as events:
        event = events.until(lambda event: (event.type, event.device_id) == (TELEMETRY, name))[-1]
    assert b64decode(event.body) == b"hello"
    service.call("delete_device", name)
    assert fails(service, "get_device", name) == 404


def test_what_the_hub_has_not_is_refused_and_never_half_done(service: SdkService) -> None:
    create(service, "plain")
    assert fails(service, "create_device_with_x509", "x509", "A" * 40, "B" * 40, "enabled") == 400
    assert fails(service, "create_device_with_certificate_authority", "authority", "enabled") == 400
    assert fails(service, "create_module_with_sas", "plain", "module", "nobody", *KEYS) == 404
    assert fails(service, "get_modules", "plain") == 404
    for name in ("x509", "authority"):
        assert fails(service, "get_device", name) == 404
