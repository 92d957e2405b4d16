"""Whether the clock is set: certificates, tokens and the times of scans depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from pi_auto.client.clock import clock_synced
from pi_auto.client.doctor.findings import Verdict, ok, warn, wrong
from pi_auto.client.doctor.patient import Patient

EARLIEST = datetime(2026, 11, 1, tzinfo=UTC)  # no release of this code is older
_WRONG, _OFF = 300.0, 30.0  # seconds; a token for the hub is good for an hour
_SET = "let the network set it: sudo timedatectl set-ntp true; the network must let UDP port 123 out"


@dataclass(frozen=True, slots=True)
class Facts:
    """The time here, whether the network has set it, by how many seconds the server's is ahead, if it told."""

    now: datetime
    synced: bool
    ahead: float | None = None


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Ask the kernel and the server."""
    ahead = patient.server().ahead
    return Facts(datetime.now(UTC), clock_synced(), ahead)


def judge(facts: Facts) -> Verdict:
    """What that means."""
    here = f"{facts.now:%Y-%m-%d %H:%M} UTC"
    if not is_plausible(facts.now):
        return wrong(f"the clock says {here}, which is long past", _SET)
    off = abs(facts.ahead or 0.0)
    side = "behind" if (facts.ahead or 0.0) > 0 else "ahead of"
    if off > _WRONG:
        return wrong(f"the clock says {here}, which is {off:.0f} s {side} the server's", _SET)
    if off > _OFF:
        return warn(f"the clock says {here}, which is {off:.0f} s {side} the server's", _SET)
    if not facts.synced:
        return warn(f"the clock says {here}, but the network has not set it since the start", _SET)
    return ok(f"{here}, set by the network")


def is_plausible(now: datetime) -> bool:
    """Whether it can be that time at all."""
    return now >= EARLIEST
