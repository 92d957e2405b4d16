"""A service by Microsoft's azure-iot-hub, as it comes from the package index, told by JSON lines what to do.

First line in: {"connection_string"}. Then calls {"id", "call": a method of IoTHubRegistryManager, "with":
[arguments]}, answered in order by {"id", "result"} or {"id", "error", "status": of HTTP, where it was that}. An
argument or a part of one that is {"model": NAME, …} is made that model; models come back as their fields.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from azure.iot.hub import IoTHubRegistryManager, models
from azure.iot.hub.iothub_registry_manager import QueryResult
from msrest.exceptions import HttpOperationError
from msrest.serialization import Model


def made(value: Any) -> Any:
    if isinstance(value, list):
        return [made(part) for part in value]
    if isinstance(value, dict) and "model" in value:
        fields = {name: made(part) for name, part in value.items() if name != "model"}
        return getattr(models, value["model"])(**fields)
    return value


def plain(value: Any) -> Any:
    if isinstance(value, list):
        return [plain(part) for part in value]
    if isinstance(value, QueryResult):
        return {"type": value.type, "items": plain(value.items), "continuation_token": value.continuation_token}
    if isinstance(value, Model):
        return value.as_dict() | (getattr(value, "additional_properties", None) or {})
    return value


def answered(manager: IoTHubRegistryManager, request: dict[str, Any]) -> dict[str, Any]:
    try:
        result = getattr(manager, request["call"])(*made(request["with"]))
    except HttpOperationError as error:
        return {"error": error.response.text, "status": error.response.status_code}
    except Exception as error:  # noqa: BLE001 - the test decides what may be raised
        return {"error": f"{type(error).__name__}: {error}"}
    return {"result": plain(result)}


def main() -> None:
    manager = IoTHubRegistryManager.from_connection_string(json.loads(sys.stdin.readline())["connection_string"])
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps({"id": request["id"]} | answered(manager, request)), flush=True)


if __name__ == "__main__":
    main()
