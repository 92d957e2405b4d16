"""What is asked of a local hub over its socket, by the server and by the server's commands alike.

One connection a question, from any thread. Every failure is HubUnavailable, a no of the hub
HubRefused; nothing is asked twice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pi_auto.server.links.base import DeviceOffline, HubUnavailable, MethodAnswer
from pi_auto.server.links.socket import HubSocket
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.hublink import OFFLINE, TIMEOUT

_ASK_TIMEOUT = 5.0  # seconds


class ControlRoom:
    """The hub behind one socket."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def keys(self, operation: str, device_id: str) -> ConnectionString:
        """The device's way in after `put_device` or `rotate_keys`."""
        answer = self._ask(operation, device_id)
        try:
            host, key = answer.text("host", most=253), answer.text("primary_key", most=256)
        except FieldError as error:
            raise HubUnavailable(f"its answer cannot be used: {error}") from error
        return ConnectionString(host, device_id, key)

    def set_enabled(self, device_id: str, *, enabled: bool) -> None:
        """Let the device connect, or end its connection."""
        self._ask("set_enabled", device_id, enabled=enabled)

    def delete_device(self, device_id: str) -> None:
        """Remove the device and its twin, if it is there."""
        self._ask("delete_device", device_id)

    def patch_desired(self, device_id: str, patch: dict[str, Any]) -> None:
        """Merge a patch into the desired properties; null removes."""
        self._ask("patch_desired", device_id, patch=patch)

    def patch_tags(self, device_id: str, patch: dict[str, Any]) -> None:
        """Merge a patch into the tags; null removes."""
        self._ask("patch_tags", device_id, patch=patch)

    def call_method(self, device_id: str, name: str, payload: Any, *, timeout: float) -> MethodAnswer:
        """Call a direct method; `timeout` in seconds. Raises DeviceOffline beside the others."""
        request = {"op": "call_method", "device_id": device_id, "method": name, "payload": payload}
        with HubSocket(self._socket, timeout + _ASK_TIMEOUT) as hub:
            answer = hub.answer(request | {"timeout": timeout})
        if answer.get("code") in (OFFLINE, TIMEOUT):
            raise DeviceOffline(str(answer.get("error")))
        hub.refuse_no(request, answer)
        try:
            return MethodAnswer(Fields(answer).integer("status"), answer.get("payload"))
        except FieldError as error:
            raise HubUnavailable(f"its answer cannot be used: {error}") from error

    def close(self) -> None:
        """Nothing is held between two questions."""

    def _ask(self, operation: str, device_id: str, **more: Any) -> Fields:
        with HubSocket(self._socket, _ASK_TIMEOUT) as hub:
            return Fields(hub.ask({"op": operation, "device_id": device_id, **more}))
