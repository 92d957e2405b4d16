"""How devices stand, beside what the registry and the twins say: presence, and messages that wait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pi_auto.hub.presence import Presence
from pi_auto.hub.services import Services


class Standing(NamedTuple):
    """One device's presence and how many messages wait for it."""

    presence: Presence
    messages: int


async def standings(hub: Services, device_ids: Sequence[str]) -> list[Standing]:
    """How these devices stand, in their order; the ids must be sorted."""
    if not device_ids:
        return []
    counts = await hub.mailbox.counts(device_ids[0], device_ids[-1])
    return [Standing(hub.presences.find(each), counts.get(each, 0)) for each in device_ids]


async def standing(hub: Services, device_id: str) -> Standing:
    """How one device stands."""
    return (await standings(hub, [device_id]))[0]
