"""What is said about updates: the answer of `GET /api/ota/check_update`, and each step that a device tells of.

An answer says what to take and when, and nothing that a device would have to believe: what a
release holds is believed for the fleet's signatures alone (`wire/release.py`). `status` is the
word that the old clients know; `step` is ours, and finer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pi_auto.wire.fields import Fields
from pi_auto.wire.ids import device_id_of
from pi_auto.wire.release import MOST_ARCHIVE, MOST_NOTES, SHA256, TARGET, VERSION

STATUSES = ("success", "failed", "in_progress")
OFFERED, DOWNLOADING, VERIFIED, TRIAL = "offered", "downloading", "verified", "trial"
COMMITTED, ROLLED_BACK, REFUSED = "committed", "rolled_back", "refused"
STEPS = (OFFERED, DOWNLOADING, VERIFIED, TRIAL, COMMITTED, ROLLED_BACK, REFUSED)
_STATUS_OF = {COMMITTED: "success", ROLLED_BACK: "failed", REFUSED: "failed"}
MOST_REASON = 512  # characters
LONGEST_RETRY = 7 * 24 * 3600  # seconds


@dataclass(frozen=True, slots=True)
class NoUpdate:
    """The answer to a device that runs what it should, or is to wait for its turn.

    `authority` is the SHA-256 of the fleet's authority that is signed, in hex; None where none is.
    """

    current_version: str
    message: str
    retry_after: int | None = None  # seconds; None: in its usual rhythm
    authority: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The answer as it travels."""
        answer = {"has_update": False, "current_version": self.current_version, "message": self.message}
        return answer | _if_told(self.retry_after, self.authority)

    @classmethod
    def read(cls, fields: Fields) -> NoUpdate:
        """Read it, or raise FieldError naming what is wrong."""
        return cls(
            current_version=fields.text("current_version", most=64, form=VERSION),
            message=fields.text("message", most=MOST_REASON, least=0),
            retry_after=_retry_after(fields),
            authority=_authority(fields),
        )


@dataclass(frozen=True, slots=True)
class Offer:
    """The answer to a device whose turn it is to take a release.

    `update_id` names the archive at `download_update`, `target` what the fleet's signed metadata
    call it; `file_hash` is SHA-256 in hex, `update_size` in bytes. `mandatory` releases are taken
    outside of maintenance windows too. `authority` as in NoUpdate.
    """

    current_version: str
    latest_version: str
    update_id: str
    target: str
    counter: int
    update_size: int
    file_hash: str
    download_url: str
    release_notes: str = ""
    mandatory: bool = False
    retry_after: int | None = None
    authority: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The answer as it travels."""
        answer = {
            "has_update": True,
            "current_version": self.current_version,
            "latest_version": self.latest_version,
            "update_id": self.update_id,
            "target": self.target,
            "counter": self.counter,
            "update_size": self.update_size,
            "file_hash": self.file_hash,
            "download_url": self.download_url,
            "release_notes": self.release_notes,
            "mandatory": self.mandatory,
        }
        return answer | _if_told(self.retry_after, self.authority)

    @classmethod
    def read(cls, fields: Fields) -> Offer:
        """Read it, or raise FieldError naming what is wrong."""
        return cls(
            current_version=fields.text("current_version", most=64, form=VERSION),
            latest_version=fields.text("latest_version", most=64, form=VERSION),
            update_id=fields.text("update_id", most=64, form=SHA256),
            target=fields.text("target", most=256, form=TARGET),
            counter=fields.integer("counter", least=1),
            update_size=fields.integer("update_size", least=1, most=MOST_ARCHIVE),
            file_hash=fields.text("file_hash", most=64, form=SHA256),
            download_url=fields.text("download_url", most=512),
            release_notes=fields.text("release_notes", most=MOST_NOTES, least=0),
            mandatory=fields.flag("mandatory"),
            retry_after=_retry_after(fields),
            authority=_authority(fields),
        )


def read_answer(value: object) -> NoUpdate | Offer:
    """What `check_update` has answered. Raises FieldError."""
    fields = Fields(value)
    return Offer.read(fields) if fields.flag("has_update") else NoUpdate.read(fields)


@dataclass(frozen=True, slots=True)
class UpdateStatus:
    """How an update goes, told by the device. Old clients tell `status` alone; `percent` is of the download."""

    device_id: str
    version: str
    status: str
    timestamp: datetime
    step: str | None = None
    update_id: str | None = None
    percent: int | None = None
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The message as it travels, but for the time, which the sender writes as all its times."""
        told = {"step": self.step, "update_id": self.update_id, "percent": self.percent, "reason": self.reason}
        always = {"device_id": self.device_id, "version": self.version, "status": self.status}
        return always | {name: value for name, value in told.items() if value is not None}

    @classmethod
    def from_json(cls, value: object) -> UpdateStatus:
        """Read it, or raise FieldError naming what is wrong."""
        fields = Fields(value)
        return cls(
            device_id=device_id_of(fields),
            version=fields.text("version", most=64, form=VERSION),
            status=fields.choice("status", STATUSES),
            timestamp=fields.time("timestamp"),
            step=fields.optional("step", lambda name: fields.choice(name, STEPS)),
            update_id=fields.optional("update_id", lambda name: fields.text(name, most=64, form=SHA256)),
            percent=fields.optional("percent", lambda name: fields.integer(name, most=100)),
            reason=fields.optional("reason", lambda name: fields.text(name, most=MOST_REASON)),
        )


def status_of(step: str) -> str:
    """The old word for a step."""
    return _STATUS_OF.get(step, "in_progress")


def _retry_after(fields: Fields) -> int | None:
    return fields.optional("retry_after", lambda name: fields.integer(name, most=LONGEST_RETRY))


def _authority(fields: Fields) -> str | None:
    return fields.optional("authority", lambda name: fields.text(name, most=64, form=SHA256))


def _if_told(retry_after: int | None, authority: str | None) -> dict[str, Any]:
    told = {"retry_after": retry_after, "authority": authority}
    return {name: value for name, value in told.items() if value is not None}
