"""Whether the clock is set: certificates, tokens and the times of scans depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pi_auto.client.agent.health.trust import FLEET, trust_here
from pi_auto.client.clockfloor.floor import EARLIEST, told_floor
from pi_auto.client.doctor.findings import Verdict, ok, warn, wrong
from pi_auto.client.doctor.patient import Patient

_WRONG, _OFF = 300.0, 30.0  # seconds; a token for the hub is good for an hour
_A_DAY = timedelta(days=1)
_RAISE = "see why root's helper does not raise it: journalctl -u pi-auto-clock.service"
_SET = "let the network set it: sudo timedatectl set-ntp true; the network must let UDP port 123 out"


@dataclass(frozen=True, slots=True)
class Facts:
    """The time here, who vouches for it, by how many seconds the server's is ahead, if it told.

    `synced`: the network has set it. `by_fleet`: it is as the fleet has signed. `signed`: the latest such time.
    """

    now: datetime
    synced: bool
    ahead: float | None = None
    by_fleet: bool = False
    signed: datetime | None = None


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Ask the kernel and the server."""
    ahead = patient.server().ahead
    trust = trust_here(patient.settings.agent_folder)
    floor = told_floor(patient.settings.state / "clock")
    signed = floor.time if floor else None
    return Facts(datetime.now(UTC), bool(trust["synced"]), ahead, trust["trust"] == FLEET, signed)


def judge(facts: Facts) -> Verdict:
    """What that means."""
    here = _at(facts.now)
    if not is_plausible(facts.now):
        return wrong(f"the clock says {here}, which is long past", _SET)
    if facts.signed and facts.now + _A_DAY < facts.signed:
        return wrong(f"the clock says {here}, and the fleet has signed a later time: {_at(facts.signed)}", _RAISE)
    return _beside_the_server(facts, here) or _by_whose_word(facts, here)


def _beside_the_server(facts: Facts, here: str) -> Verdict | None:
    off = abs(facts.ahead or 0.0)
    side = "behind" if (facts.ahead or 0.0) > 0 else "ahead of"
    if off > _WRONG:
        return wrong(f"the clock says {here}, which is {off:.0f} s {side} the server's", _SET)
    if off > _OFF:
        return warn(f"the clock says {here}, which is {off:.0f} s {side} the server's", _SET)
    return None


def _by_whose_word(facts: Facts, here: str) -> Verdict:
    if facts.synced:
        return ok(f"{here}, set by the network")
    if facts.by_fleet:
        return ok(f"{here}, as the fleet has signed; the network has not set it")
    return warn(f"the clock says {here}, but the network has not set it since the start", _SET)


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def is_plausible(now: datetime) -> bool:
    """Whether it can be that time at all."""
    return now >= EARLIEST
