"""Changes what a device is to be: its desired properties, the event of it, and the word to the device.

The change is on disk before anybody hears of it. A device that is away finds it in its twin
when it comes back.
"""

from __future__ import annotations

import json
import time

from pi_auto.hub.database import BusyError
from pi_auto.hub.eventlog.record import Record
from pi_auto.hub.patches import RefusedPatchError, parse_patch
from pi_auto.hub.services import Services
from pi_auto.wire import hublink
from pi_auto.wire.errors import FieldError, shown
from pi_auto.wire.twin import Section


async def desire(hub: Services, device_id: str, patch: Section) -> int:
    """Merge a patch into a device's desired properties; their new version. Raises FieldError."""
    if hub.registry.find(device_id) is None:
        raise FieldError("device_id", shown(device_id), "a device that this hub knows")
    try:
        checked = parse_patch(json.dumps(patch).encode())
        version = await hub.twins.desire(device_id, checked)
    except (RefusedPatchError, BusyError) as error:
        raise FieldError("patch", f"refused ({error})", "what a twin may hold") from None
    change = {"properties": {"desired": checked}, "version": version}
    now = time.time_ns() // 1_000_000
    hub.log.append(Record(hublink.TWIN_CHANGE, device_id, now, body=_json(change)))
    if line := hub.switchboard.find(device_id):
        line.tell_desired(_json(checked | {"$version": version}), version)
    return version


def _json(value: Section) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
