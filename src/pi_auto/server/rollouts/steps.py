"""How far a device is with a release, and what a step that it tells of makes of that. Pure.

A device tells each step with its own time; the same may come twice, late, or never. Within one try
only what is further counts; a failure is outlived by a later success, and a success by a rollback
that the device has told of later.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pi_auto.wire.update import (
    COMMITTED,
    DOWNLOADING,
    OFFERED,
    REFUSED,
    ROLLED_BACK,
    TRIAL,
    VERIFIED,
    UpdateStatus,
)

NOT_NOW = "not now: "  # how the device begins the reason of a refusal that may pass
SILENT = "silent"  # what we note ourselves: nothing was heard for too long
OPEN = (OFFERED, DOWNLOADING, VERIFIED, TRIAL)
FAILED = (ROLLED_BACK, REFUSED, SILENT)
TRIAL_OVER = timedelta(minutes=30)  # a trial runs the new release as well, and lasts no longer than this
_OLD_WORDS = {"success": COMMITTED, "failed": ROLLED_BACK, "in_progress": DOWNLOADING}


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is known of one device and one release. `said_at` by the device's clock, the others by ours."""

    step: str
    attempts: int
    failures: int
    offered_at: datetime
    heard_at: datetime
    said_at: datetime | None = None
    reason: str | None = None
    percent: int | None = None
    failed_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is still to be heard how it ends."""
        return self.step in OPEN

    @property
    def has_failed(self) -> bool:
        """Whether the last try has failed."""
        return self.step in FAILED

    @property
    def was_put_off(self) -> bool:
        """Whether the device has refused it for now only: its disk is full, say, or a package is missing."""
        return self.step == REFUSED and _may_pass(self.reason)


def first_offer(now: datetime) -> Attempt:
    """A device is offered the release for the first time."""
    return Attempt(OFFERED, 1, 0, now, now)


def offered_again(before: Attempt, now: datetime) -> Attempt:
    """It is offered again: another try if the one before has failed, else the same. What was put off was none."""
    if before.is_open:
        return before
    attempts = before.attempts if before.was_put_off else before.attempts + 1
    return replace(
        before, step=OFFERED, attempts=attempts, offered_at=now, heard_at=now, percent=None, ended_at=None
    )


def told(before: Attempt, status: UpdateStatus, now: datetime) -> Attempt:
    """What a report makes of it; the same attempt where it is old news."""
    step = status.step or _OLD_WORDS[status.status]
    said = min(status.timestamp, now)  # a clock of 2099 must not silence what follows
    if not _is_news(before, step, said, status.percent):
        return before
    news = replace(before, said_at=said, heard_at=now, percent=status.percent if step == DOWNLOADING else None)
    if step in OPEN:
        return replace(news, step=step, ended_at=None)
    if step == COMMITTED:
        return replace(news, step=step, reason=None, ended_at=now)
    reason = status.reason or "the device has given no reason"
    if step == REFUSED and _is_counted(before, reason):
        return replace(news, step=step, reason=reason, ended_at=now)
    return _failed(news, step, reason, now)


def fell_silent(before: Attempt, silence: timedelta, now: datetime) -> Attempt:
    """Nothing was heard for longer than `silence`; the same attempt where that is not so."""
    if not before.is_open or now - before.heard_at < silence:
        return before
    minutes = round(silence.total_seconds() / 60)
    return _failed(before, SILENT, f"no report for {minutes} minutes after {before.step}", now)


def seen_running(before: Attempt, heard_at: datetime, now: datetime) -> Attempt:
    """The device lived at `heard_at` and ran the release: the report of the commit was lost.

    Believed once a trial would be over: what is on trial runs as well.
    """
    if before.step == COMMITTED or heard_at < before.heard_at + TRIAL_OVER:
        return before
    return replace(before, step=COMMITTED, reason=None, percent=None, ended_at=now)


def _is_news(before: Attempt, step: str, said: datetime, percent: int | None) -> bool:
    if before.said_at is not None and said < before.said_at:
        return False
    if before.step == COMMITTED:
        return step == ROLLED_BACK and before.said_at != said
    if before.step == SILENT or step not in OPEN:
        return step != before.step
    if before.has_failed:
        return before.said_at != said  # it tries once more by itself
    further = OPEN.index(step) - OPEN.index(before.step)
    return further > 0 or (not further and step == DOWNLOADING and (percent or 0) > (before.percent or 0))


def _is_counted(before: Attempt, reason: str) -> bool:
    """Whether a refusal tells of a failure that counts already, though it was offered again meanwhile.

    So does a second one in the same try, whatever its reason: an agent that starts has the switcher look again.
    And one that quotes the reason of the failure before: what has failed there for good is refused ever after.
    """
    if before.failed_at is None:
        return False
    is_quoted = before.reason is not None and before.reason in reason
    return before.failed_at >= before.offered_at or is_quoted or (_may_pass(reason) and _may_pass(before.reason))


def _may_pass(reason: str | None) -> bool:
    return (reason or "").startswith(NOT_NOW)


def _failed(before: Attempt, step: str, reason: str, now: datetime) -> Attempt:
    return replace(
        before, step=step, reason=reason, percent=None, failures=before.failures + 1, failed_at=now, ended_at=now
    )
