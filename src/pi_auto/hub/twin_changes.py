"""A change of a twin by the service side: stored, then an event, then the word to the device.

Everybody who changes tags or desired properties comes through `change`. A device that is away
finds the change in its twin when it comes back.
"""

from __future__ import annotations

import time

from pi_auto.hub.eventlog.record import Record
from pi_auto.hub.patches import as_bytes
from pi_auto.hub.services import Services
from pi_auto.hub.twins import Change, Twin
from pi_auto.wire import hublink
from pi_auto.wire.twin import Section


async def change(hub: Services, device_id: str, wanted: Change, if_match: str | None = None) -> Twin:
    """Change a twin; the twin after it. Raises RefusedPatchError, StaleError, NoTwinError, BusyError."""
    twin, made = await hub.twins.change(device_id, wanted, if_match)
    announce(hub, twin, made)
    return twin


def announce(hub: Services, twin: Twin, made: Change) -> None:
    """Log what was changed, and tell the device if it is there. The change is durable by now."""
    event = _event(twin, made)
    if event:
        hub.log.append(
            Record(hublink.TWIN_CHANGE, twin.device_id, time.time_ns() // 1_000_000, body=as_bytes(event))
        )
    line = hub.switchboard.find(twin.device_id)
    if line and made.desired is not None:
        version = twin.desired["$version"]
        line.tell_desired(as_bytes(made.desired | {"$version": version}), version)


def of_properties(section: str, patch: Section, version: int) -> Section:
    """The body of the event that a section of the properties (desired or reported) was patched."""
    return {"properties": {section: patch}, "version": version}


def _event(twin: Twin, made: Change) -> Section:
    """Nothing where nothing was named. The version is the section's where properties changed."""
    body: Section = {} if made.tags is None else {"tags": made.tags, "version": twin.version}
    if made.desired is not None:
        body |= of_properties("desired", made.desired, twin.desired["$version"])
    return body
