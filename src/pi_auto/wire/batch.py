"""A run of records on its way from one spool to the server's API, and the server's answer to it.

`POST /api/scans` carries a Batch and is answered with an Acknowledgement. A batch covers
the numbers `first` to `through` of one spool; the acknowledgement settles all of them at
once: booked, known already, or refused for good with a reason. Nothing in it is ever
answered with "maybe".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.ids import Position, device_id_of
from pi_auto.wire.scan import Incident, Scan

R = TypeVar("R", Scan, Incident)

MOST_RECORDS = 500
MOST_BODY = 8 * 1024 * 1024  # bytes of JSON, unpacked


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record of a batch that the server will never book, and why.

    `index` is its place in `list` ("scans" or "incidents"), since a bad record may lack any name.
    """

    list: str
    index: int
    error: FieldError

    def to_json(self) -> dict[str, Any]:
        """The refusal as it travels."""
        return {"list": self.list, "index": self.index, "error": self.error.to_json()}

    @classmethod
    def from_json(cls, value: object, path: str = "refusal") -> Refusal:
        """Read it, or raise FieldError naming what is wrong."""
        fields = Fields(value, path)
        error = fields.object("error")
        parts = (error.text(name, least=0, most=4096) for name in ("field", "value", "allowed"))
        return cls(
            list=fields.choice("list", ("scans", "incidents")),
            index=fields.integer("index", most=MOST_RECORDS),
            error=FieldError(*parts),
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """Records `first` to `through` of one spool, as far as they could be read.

    `oldest` is the lowest number the device still has: the server never asks for one below it. `boot` is the id of
    the boot that sends it, not of those that its records are from: two that send in turns are two devices.
    """

    device_id: str
    spool: str
    first: int
    through: int
    oldest: int
    scans: tuple[Scan, ...] = ()
    incidents: tuple[Incident, ...] = ()
    refused: tuple[Refusal, ...] = ()
    boot: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The batch as it travels; what was refused on reading does not."""
        return {
            "device_id": self.device_id,
            "spool": self.spool,
            "first": self.first,
            "through": self.through,
            "oldest": self.oldest,
            "scans": [scan.to_json() for scan in self.scans],
            "incidents": [incident.to_json() for incident in self.incidents],
        } | ({"boot": self.boot} if self.boot else {})

    @classmethod
    def from_json(cls, value: object) -> Batch:
        """Read it: a bad frame raises FieldError, a bad record among good ones lands in `refused`."""
        fields = Fields(value)
        frame = cls(
            device_id=device_id_of(fields),
            spool=fields.uuid("spool"),
            first=fields.integer("first", least=1),
            through=fields.integer("through", least=1),
            oldest=fields.optional("oldest", lambda n: fields.integer(n, least=1), 1),
            boot=fields.optional("boot", fields.uuid),
        )
        if not frame.first <= frame.through:
            raise fields.refuse("through", "a number from `first` up")
        reader = _Reader(frame)
        scans = reader.read(fields, "scans", Scan)
        incidents = reader.read(fields, "incidents", Incident)
        return cls(
            frame.device_id, frame.spool, frame.first, frame.through, frame.oldest,
            scans, incidents, tuple(reader.refused), frame.boot,
        )  # fmt: skip


@dataclass(slots=True)
class _Reader:
    """Takes the records of a batch apart into good and refused ones."""

    frame: Batch
    refused: list[Refusal] = field(default_factory=list)

    def read(self, fields: Fields, name: str, kind: type[R]) -> tuple[R, ...]:
        good: list[R] = []
        for index, item in enumerate(fields.optional(name, lambda n: fields.items(n, most=MOST_RECORDS), [])):
            path = f"{name}[{index}]"
            try:
                good.append(self._within_frame(kind.from_json(item, path), path))
            except FieldError as error:
                self.refused.append(Refusal(name, index, error))
        return tuple(good)

    def _within_frame(self, record: R, path: str) -> R:
        frame = self.frame
        if record.position.spool != frame.spool:
            raise FieldError(f"{path}.spool", record.position.spool, f"the batch's own spool, {frame.spool}")
        if not frame.first <= record.position.number <= frame.through:
            raise FieldError(
                f"{path}.number", str(record.position.number), f"from {frame.first} to {frame.through}"
            )
        return record


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """All records of `settled.spool` that were sent, up to `settled.number`, are settled.

    `flagged` are uuids that were known already with other content: both versions are kept
    for a person to judge. `resend_from` asks for everything from that position again, as a
    server restored from a backup does.
    """

    settled: Position
    refused: tuple[Refusal, ...] = ()
    flagged: tuple[str, ...] = ()
    resend_from: Position | None = None

    def to_json(self) -> dict[str, Any]:
        """The acknowledgement as it travels."""
        return {
            "status": "settled",
            "settled": self.settled.to_json(),
            "refused": [refusal.to_json() for refusal in self.refused],
            "flagged": list(self.flagged),
            "resend_from": self.resend_from.to_json() if self.resend_from else None,
        }

    @classmethod
    def from_json(cls, value: object) -> Acknowledgement:
        """Read it, or raise FieldError naming what is wrong."""
        fields = Fields(value)
        refused = fields.optional("refused", lambda n: fields.items(n, most=2 * MOST_RECORDS), [])
        return cls(
            settled=Position.from_fields(fields.object("settled")),
            refused=tuple(Refusal.from_json(item, f"refused[{i}]") for i, item in enumerate(refused)),
            flagged=tuple(fields.optional("flagged", lambda n: fields.items(n, most=MOST_RECORDS), [])),
            resend_from=fields.optional("resend_from", lambda n: Position.from_fields(fields.object(n))),
        )
