"""An old client in the books, and a scan as it sends it: to the API, and again to the hub."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, insert

from pi_auto.server.fleet.tables import devices
from pi_auto.server.legacy.booking import book_scan
from pi_auto.server.legacy.tables import legacy_devices
from pi_auto.server.scans.booking import Way
from support.api import DEVICE, NOW

OLD = f"legacy-{DEVICE}"
SENT_BY_IT: dict[str, Any] = {
    "deviceId": OLD,
    "messageType": "barcode_scan",
    "barcode": "4006381333931",
    "quantity": 1,
}


def an_old_client_has_sent_to_the_api(books: Connection, at: datetime = NOW) -> None:
    """The device, and one scan of that moment."""
    about = {"client_version": "", "system_info": {}}
    books.execute(insert(devices).values(device_id=OLD, legacy=True, registered_at=at, changed=0, **about))
    named = {"named_id": DEVICE, "hub_id": OLD, "address": "192.0.2.5", "network": "192.0.2.0/24"}
    times = {"first_at": at, "last_at": at}
    books.execute(insert(legacy_devices).values(issues=1, scans=0, **named, **times, **about))
    book_scan(books, OLD, SENT_BY_IT["barcode"], 1, str(uuid4()), Way.API, at)
