"""Changes of a device that its connection must feel: who may no longer connect is sent away at once.

Everybody who removes or changes a device comes through here: REST, one or many, and the hub's
socket, which the command line asks while a hub runs.
"""

from __future__ import annotations

from pi_auto.hub.etags import ANY
from pi_auto.hub.registry import Device, Wish
from pi_auto.hub.services import Services


async def remove(hub: Services, device_id: str, if_match: str | None = ANY) -> None:
    """Remove a device and all that is kept of it. Raises DeviceMissingError, StaleError, BusyError.

    The registry's one transaction takes the twin, the kept session and the messages along. What
    follows happens in the same turn of the loop, so that a device of the same id that is
    created a moment later finds nothing of this one.
    """
    await hub.registry.delete(device_id, if_match)
    hub.switchboard.drop(device_id)
    hub.kept_sessions.forget(device_id)
    hub.presences.forget(device_id)


async def update(hub: Services, device_id: str, wish: Wish, if_match: str | None = ANY) -> Device:
    """Change a device. One that may no longer connect, or no longer with its old keys, is disconnected.

    Raises DeviceMissingError, StaleError, RefusedKeyError, BusyError.
    """
    before = hub.registry.find(device_id)
    after = await hub.registry.update(device_id, wish, if_match)
    if before is None or _admits(before) != _admits(after):
        hub.switchboard.drop(device_id)
    return after


def _admits(device: Device) -> tuple[bool, str, str]:
    return device.enabled, device.primary_key, device.secondary_key
