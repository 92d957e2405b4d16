"""What the fleet server may do with one device over the hub's socket: identity, twin, direct methods.

Each operation takes the request's fields and gives the answer; a FieldError becomes a refusal
in its words. What is answered is on disk. Nothing here touches more than the device it names.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

from pi_auto.hub.answers import Answer
from pi_auto.hub.database import BusyError
from pi_auto.hub.devices import remove, update
from pi_auto.hub.methods import DeviceOffline, MethodTimeout
from pi_auto.hub.patches import RefusedPatchError, as_bytes, parse_patch
from pi_auto.hub.registry import Device, DeviceMissingError, Wish, new_key
from pi_auto.hub.services import Services
from pi_auto.hub.twin_changes import change
from pi_auto.hub.twins import Change, Twin
from pi_auto.wire.errors import FieldError, shown
from pi_auto.wire.fields import Fields
from pi_auto.wire.hublink import MOST_METHOD_TIMEOUT, OFFLINE, THROTTLED, TIMEOUT
from pi_auto.wire.ids import device_id_of
from pi_auto.wire.twin import Section

Operation = Callable[[Fields], Awaitable[Answer]]
_KNOWN = "a device that this hub knows"


def operations(hub: Services, host: str) -> dict[str, Operation]:
    """The operations by name; `host` is the name that connection strings carry."""
    room = _Room(hub, host)
    rated = {
        "put_device": ("registry", room.put_device),
        "set_enabled": ("registry", room.set_enabled),
        "rotate_keys": ("registry", room.rotate_keys),
        "delete_device": ("registry", room.delete_device),
        "patch_desired": ("twin_updates", room.patch_desired),
        "patch_tags": ("twin_updates", room.patch_tags),
        "call_method": ("methods", room.call_method),
    }
    return {name: _counted(hub, rate, operation) for name, (rate, operation) in rated.items()}


class _Room(NamedTuple):
    hub: Services
    host: str

    async def put_device(self, request: Fields) -> Answer:
        return self._keys(await self.hub.registry.put(device_id_of(request)))

    async def set_enabled(self, request: Fields) -> Answer:
        device = self._known(request)
        await _still_there(device, update(self.hub, device.device_id, Wish(enabled=request.flag("enabled"))))
        return {"ok": True}

    async def rotate_keys(self, request: Fields) -> Answer:
        """The key of before stays good as the secondary one: who is connected stays so."""
        device = self._known(request)
        wish = Wish(new_key(), device.primary_key, device.enabled, device.status_reason)
        return self._keys(await _still_there(device, self.hub.registry.update(device.device_id, wish)))

    async def delete_device(self, request: Fields) -> Answer:
        device_id = device_id_of(request)
        with suppress(DeviceMissingError):  # it was asked before, and the answer got lost
            await remove(self.hub, device_id)
        return {"ok": True}

    async def patch_desired(self, request: Fields) -> Answer:
        twin = await self._change(request, lambda patch: Change(desired=patch), "what a twin may hold")
        return {"ok": True, "version": twin.desired["$version"]}

    async def patch_tags(self, request: Fields) -> Answer:
        await self._change(request, lambda patch: Change(tags=patch), "what tags may hold")
        return {"ok": True}

    async def call_method(self, request: Fields) -> Answer:
        device, name = self._known(request), request.text("method", most=100)
        timeout = request.integer("timeout", least=1, most=MOST_METHOD_TIMEOUT)
        payload = request.raw.get("payload")
        try:
            result = await self.hub.methods.call(device.device_id, name, payload, response_timeout=timeout)
        except DeviceOffline as error:
            return {"ok": False, "error": str(error), "code": OFFLINE}
        except MethodTimeout as error:
            return {"ok": False, "error": str(error), "code": TIMEOUT}
        except (BusyError, ValueError) as error:
            raise FieldError("call_method", f"refused ({error})", "what a device may be asked") from None
        return {"ok": True, "status": result.status, "payload": result.payload}

    async def _change(self, request: Fields, wanted: Callable[[Section], Change], allowed: str) -> Twin:
        device, patch = self._known(request), request.object("patch").raw
        try:
            return await change(self.hub, device.device_id, wanted(parse_patch(as_bytes(patch))))
        except (RefusedPatchError, BusyError) as error:
            raise FieldError("patch", f"refused ({error})", allowed) from None

    def _known(self, request: Fields) -> Device:
        device_id = device_id_of(request)
        if (device := self.hub.registry.find(device_id)) is None:
            raise FieldError("device_id", shown(device_id), _KNOWN)
        return device

    def _keys(self, device: Device) -> Answer:
        return {"ok": True, "primary_key": device.primary_key, "host": self.host}


def _counted(hub: Services, rate: str, operation: Operation) -> Operation:
    """The operation while the hub's tier has some of the rate left; the same rates as of the REST side."""

    async def counted(request: Fields) -> Answer:
        if wait := hub.throttles.allow(rate):
            error = f"the rate of {rate} is exceeded; try again in {wait:.1f} s"
            return {"ok": False, "error": error, "code": THROTTLED, "retry_after": wait}
        return await operation(request)

    return counted


async def _still_there(device: Device, change: Awaitable[Device]) -> Device:
    try:
        return await change
    except DeviceMissingError:
        raise FieldError("device_id", shown(device.device_id), _KNOWN) from None
