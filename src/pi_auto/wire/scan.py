"""One scan, as it is stored on the device and travels to the server, and what is reported instead of one.

A record never changes once it has been stored, save for `corrected_time` and its bound,
which a device adds at sending when its clock was set only after the scan.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from json.encoder import encode_basestring_ascii as _quoted

from pi_auto.frozen import frozen
from pi_auto.typed import Any
from pi_auto.wire.fields import Fields
from pi_auto.wire.ids import Position
from pi_auto.wire.times import format_time

MOST_BYTES = 8192  # of one code; the largest symbol in use, a QR code, holds 2,953
MOST_SCANNER_ID = 256  # characters
MOST_ERROR = 100 * 366 * 86_400_000  # milliseconds, of a corrected time
_WORDS = {None: "null", False: "false", True: "true"}  # JSON's
INCIDENTS = ("scan_lost", "spool_replaced", "scanner_calibrated", "wifi_joined", "wifi_undone")


@frozen
class Scanner:
    """The scanner a record came from: its stable name under by-id, its model, the port it was plugged into."""

    id: str
    name: str = ""
    port: str = ""

    def to_json(self) -> dict[str, Any]:
        """The scanner as it travels."""
        return {"id": self.id, "name": self.name, "port": self.port}

    @classmethod
    def from_fields(cls, fields: Fields) -> Scanner:
        """Read it, or say which field is wrong."""
        return cls(
            id=fields.text("id", most=MOST_SCANNER_ID),
            name=fields.optional("name", lambda n: fields.text(n, least=0, most=256), ""),
            port=fields.optional("port", lambda n: fields.text(n, least=0, most=256), ""),
        )


@frozen
class Stamp:
    """When something happened: the boot, nanoseconds of CLOCK_BOOTTIME since it, the wall clock and its trust."""

    boot_id: str
    boottime_ns: int
    wall_time: datetime
    synced: bool

    def to_json(self) -> dict[str, Any]:
        """The stamp as it travels."""
        return {
            "boot_id": self.boot_id,
            "boottime_ns": self.boottime_ns,
            "wall_time": format_time(self.wall_time),
            "synced": self.synced,
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> Stamp:
        """Read it, or say which field is wrong."""
        return cls(
            boot_id=fields.uuid("boot_id"),
            boottime_ns=fields.integer("boottime_ns"),
            wall_time=fields.time("wall_time"),
            synced=fields.flag("synced"),
        )


@frozen
class Scan:
    """One code that a scanner read. `raw` is every byte it sent, `text` what they mean as characters.

    The scan was at most `time_error_ms` milliseconds before or after `corrected_time`.
    """

    uuid: str
    position: Position
    scanner: Scanner
    raw: bytes
    text: str
    stamp: Stamp
    aim: str | None = None
    symbology: str | None = None
    gtin: str | None = None
    check_digit_ok: bool | None = None
    repeat_of: str | None = None
    quantity: int = 1
    corrected_time: datetime | None = None
    time_error_ms: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The scan as it travels."""
        if self.corrected_time is None:
            return self._content()
        corrected = {"corrected_time": format_time(self.corrected_time), "time_error_ms": self.time_error_ms}
        return self._content() | corrected

    def digest(self) -> bytes:
        """SHA-256 over all that never changes: two records of one uuid with two digests contradict each other.

        The position is left out: a record that is salvaged from a broken spool gets a new one.
        """
        from hashlib import sha256  # noqa: PLC0415 - loads OpenSSL, which capture does without

        return sha256(self._canonical().encode()).digest()

    def _canonical(self) -> str:
        """JSON of all but the position: names sorted, no spaces, ASCII.

        Written out by hand, since a server digests every scan and `json.dumps` takes three times as long.
        """
        scanner, stamp = self.scanner, self.stamp
        return (
            f'{{"aim":{_maybe(self.aim)},"check_digit_ok":{_WORDS[self.check_digit_ok]},"gtin":{_maybe(self.gtin)}'
            f',"quantity":{self.quantity},"raw":"{b64encode(self.raw).decode()}"'
            f',"repeat_of":{_maybe(self.repeat_of)}'
            f',"scanner":{{"id":{_quoted(scanner.id)},"name":{_quoted(scanner.name)}'
            f',"port":{_quoted(scanner.port)}}}'
            f',"stamp":{{"boot_id":{_quoted(stamp.boot_id)},"boottime_ns":{stamp.boottime_ns}'
            f',"synced":{_WORDS[stamp.synced]},"wall_time":"{format_time(stamp.wall_time)}"}}'
            f',"symbology":{_maybe(self.symbology)},"text":{_quoted(self.text)},"uuid":{_quoted(self.uuid)}}}'
        )

    def _content(self) -> dict[str, Any]:
        return {
            "uuid": self.uuid,
            **self.position.to_json(),
            "scanner": self.scanner.to_json(),
            "raw": b64encode(self.raw).decode(),
            "text": self.text,
            "stamp": self.stamp.to_json(),
            "aim": self.aim,
            "symbology": self.symbology,
            "gtin": self.gtin,
            "check_digit_ok": self.check_digit_ok,
            "repeat_of": self.repeat_of,
            "quantity": self.quantity,
        }

    @classmethod
    def from_json(cls, value: object, path: str = "scan") -> Scan:
        """Read it, or raise FieldError naming what is wrong."""
        fields = Fields(value, path)
        return cls(
            uuid=fields.uuid("uuid"),
            position=Position(fields.uuid("spool"), fields.integer("number", least=1)),
            scanner=Scanner.from_fields(fields.object("scanner")),
            raw=fields.octets("raw", most=MOST_BYTES),
            text=fields.text("text", least=0, most=MOST_BYTES),
            stamp=Stamp.from_fields(fields.object("stamp")),
            aim=fields.optional("aim", lambda n: fields.text(n, most=3)),
            symbology=fields.optional("symbology", lambda n: fields.text(n, most=32)),
            gtin=fields.optional("gtin", lambda n: fields.text(n, most=14)),
            check_digit_ok=fields.optional("check_digit_ok", fields.flag),
            repeat_of=fields.optional("repeat_of", fields.uuid),
            quantity=fields.optional("quantity", lambda n: fields.integer(n, least=1, most=1_000_000), 1),
            corrected_time=fields.optional("corrected_time", fields.time),
            time_error_ms=fields.optional("time_error_ms", lambda n: fields.integer(n, most=MOST_ERROR)),
        )


@frozen
class Incident:
    """Something that a person must know of because a scan may be missing; it takes a scan's place in the spool.

    `scan_lost`: keys were dropped, so a code was discarded rather than guessed. `spool_replaced`:
    the spool was unreadable, was set aside and begun anew; `reason` says what became of its scans.
    `scanner_calibrated`: a scanner's keys are read by another layout from here on; no scan is missing.
    `wifi_joined` and `wifi_undone`: a Wi-Fi code was scanned and followed; no scan is missing.
    """

    uuid: str
    position: Position
    type: str
    reason: str
    stamp: Stamp
    scanner: Scanner | None = None

    def to_json(self) -> dict[str, Any]:
        """The incident as it travels."""
        return {
            "uuid": self.uuid,
            **self.position.to_json(),
            "type": self.type,
            "reason": self.reason,
            "stamp": self.stamp.to_json(),
            "scanner": self.scanner.to_json() if self.scanner else None,
        }

    @classmethod
    def from_json(cls, value: object, path: str = "incident") -> Incident:
        """Read it, or raise FieldError naming what is wrong."""
        fields = Fields(value, path)
        return cls(
            uuid=fields.uuid("uuid"),
            position=Position(fields.uuid("spool"), fields.integer("number", least=1)),
            type=fields.choice("type", INCIDENTS),
            reason=fields.text("reason", least=0, most=1024),
            stamp=Stamp.from_fields(fields.object("stamp")),
            scanner=fields.optional("scanner", lambda n: Scanner.from_fields(fields.object(n))),
        )


Record = Scan | Incident


def _maybe(text: str | None) -> str:
    return "null" if text is None else _quoted(text)
