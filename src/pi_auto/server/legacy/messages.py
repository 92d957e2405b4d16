"""What old clients send, read as leniently as they need and as strictly as the books do. Raises FieldError.

They write times by a clock that nobody has set, in a form without a zone: as times those are not read at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pi_auto.wire.errors import FieldError, shown
from pi_auto.wire.fields import Fields
from pi_auto.wire.ids import DEVICE_ID
from pi_auto.wire.registration import is_deeper
from pi_auto.wire.scan import MOST_BYTES
from pi_auto.wire.update import STATUSES

PREFIX = "legacy-"
MOST_NAME = 63 - len(PREFIX)
_MOST_INFO = 16 * 1024  # characters of Python's way to write it
_MOST_LEVELS = 16
_TO_THE_MICROSECOND = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d{6}\Z")


def named_id(fields: Fields, name: str = "device_id") -> str:
    """The id that the caller names; nothing of it is proved."""
    found = fields.text(name, most=MOST_NAME, form=DEVICE_ID)
    refuse_reserved(found)
    return found


def refuse_reserved(device_id: str) -> None:
    """Ids with this prefix are given to old clients by the server: nobody else gets their hub identity."""
    if device_id.lower().startswith(PREFIX):
        raise FieldError("device_id", shown(device_id), f"an id that does not begin with {PREFIX}")


@dataclass(frozen=True, slots=True)
class Hello:
    """POST /api/register_device."""

    device_id: str
    client_version: str
    system_info: dict[str, Any]

    @classmethod
    def from_json(cls, value: object) -> Hello:
        """Read it."""
        fields = Fields(value)
        version = fields.optional("client_version", lambda n: fields.text(n, least=0, most=64), "")
        return cls(named_id(fields), version, _info(fields))


@dataclass(frozen=True, slots=True)
class BarcodeScan:
    """POST /api/v1/raspberry/barcodeScan."""

    device_id: str
    barcode: str
    quantity: int

    @classmethod
    def from_json(cls, value: object) -> BarcodeScan:
        """Read it."""
        fields = Fields(value)
        return cls(named_id(fields, "deviceId"), _barcode(fields, "scannedBarcode"), _quantity(fields))


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The same scan by the hub, which has told us whose it is.

    `written` is what its clock said, whatever that is worth as a time: no second scan has the same
    microsecond. Nothing where it is not as fine as that.
    """

    barcode: str
    quantity: int
    written: str | None = None

    @classmethod
    def from_json(cls, value: object) -> Telemetry:
        """Read it."""
        fields = Fields(value)
        written = fields.raw.get("timestamp")
        fine = isinstance(written, str) and _TO_THE_MICROSECOND.match(written)
        return cls(_barcode(fields, "barcode"), _quantity(fields), written if fine else None)


@dataclass(frozen=True, slots=True)
class Progress:
    """POST /api/ota/update_status."""

    device_id: str
    version: str
    status: str

    @classmethod
    def from_json(cls, value: object) -> Progress:
        """Read it."""
        fields = Fields(value)
        return cls(named_id(fields), fields.text("version", most=64), fields.choice("status", STATUSES))


def _barcode(fields: Fields, name: str) -> str:
    code = fields.text(name, most=MOST_BYTES)
    if len(code.encode()) > MOST_BYTES:
        raise fields.refuse(name, f"at most {MOST_BYTES} bytes")
    return code


def _quantity(fields: Fields) -> int:
    return fields.optional("quantity", lambda n: fields.integer(n, least=1, most=1_000_000), 1)


def _info(fields: Fields) -> dict[str, Any]:
    info = fields.raw.get("system_info") or {}
    if not isinstance(info, dict) or is_deeper(info, _MOST_LEVELS) or len(repr(info)) > _MOST_INFO:
        raise FieldError("system_info", shown(info), f"a JSON object of at most {_MOST_INFO} bytes")
    return info
