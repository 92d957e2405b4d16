"""A run of items on its way to the API, and what the server's answer means for it. Pure.

A batch that is refused as a whole is cut in half until one record is left. If the server
takes the same batch without that record, and refuses it with it once more, the record is at fault and is
set aside; if not, the fault lies with the way or with us, and every record keeps waiting.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from pi_auto.client.agent.delivery.lane import Item, Stretch
from pi_auto.client.agent.errors import Garbled
from pi_auto.client.clock import boot_id
from pi_auto.client.spool.reader import Unreadable
from pi_auto.wire.batch import MOST_RECORDS, Acknowledgement, Batch, Refusal
from pi_auto.wire.ids import Position
from pi_auto.wire.scan import Incident, Scan

MOST_BYTES = 1_000_000  # of JSON: an eighth of what the server takes, and a few seconds on a phone's uplink


@dataclass(frozen=True, slots=True)
class SetAside:
    """An item that will not be delivered, and why."""

    item: Item
    reason: str


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a good acknowledgement asks for, in this order: set these aside, then move the mark there."""

    aside: tuple[SetAside, ...]
    through: Position


@dataclass(frozen=True, slots=True)
class Parcel:
    """At least one item of one spool. What cannot be read is part of its range, not of its batch."""

    spool: str
    items: tuple[Item, ...]

    @classmethod
    def pack(cls, stretch: Stretch, most: int = MOST_RECORDS, most_bytes: int = MOST_BYTES) -> Parcel:
        """As many items of the stretch as fit, and at least the first."""
        size, count = 0, 0
        for item in stretch.items[:most]:
            size += 0 if isinstance(item, Unreadable) else len(json.dumps(item.to_json()))
            if count and size > most_bytes:
                break
            count += 1
        return cls(stretch.spool, stretch.items[:count])

    @property
    def first(self) -> int:
        """The number of its first item."""
        return self.items[0].position.number

    @property
    def through(self) -> int:
        """The number of its last item."""
        return self.items[-1].position.number

    def scans(self) -> tuple[Scan, ...]:
        """Its scans, in order."""
        return tuple(item for item in self.items if isinstance(item, Scan))

    def incidents(self) -> tuple[Incident, ...]:
        """Its incidents, in order."""
        return tuple(item for item in self.items if isinstance(item, Incident))

    def batch(self, device_id: str, oldest: int) -> Batch:
        """What is sent."""
        return replace(self.frame(device_id, oldest), scans=self.scans(), incidents=self.incidents())

    def frame(self, device_id: str, oldest: int) -> Batch:
        """The same batch without any record: a server that takes this one blames the records of the other."""
        return Batch(device_id, self.spool, self.first, self.through, min(oldest, self.first), boot=boot_id())

    def settlement(self, answer: Acknowledgement) -> Settlement:
        """What the answer settles. Raises Garbled for one that is about anything that was not sent."""
        settled = answer.settled
        if settled.spool != self.spool or not self.first <= settled.number <= self.through:
            sent = f"{self.first} to {self.through} of spool {self.spool}"
            raise Garbled(
                f"an acknowledgement for {settled.number} of spool {settled.spool}, where {sent} was sent"
            )
        refused = [SetAside(self._blamed(refusal), str(refusal.error)) for refusal in answer.refused]
        unreadable = [SetAside(item, item.reason) for item in self.items if isinstance(item, Unreadable)]
        aside = (one for one in unreadable + refused if one.item.position.number <= settled.number)
        return Settlement(tuple(aside), settled)

    def _blamed(self, refusal: Refusal) -> Item:
        records = self.scans() if refusal.list == "scans" else self.incidents()
        if refusal.index >= len(records):
            raise Garbled(f"a refusal of {refusal.list}[{refusal.index}], where {len(records)} were sent")
        return records[refusal.index]
