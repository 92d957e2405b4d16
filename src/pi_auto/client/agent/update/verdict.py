"""Whether an offered release is taken, by what has been told of it and of the one before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pi_auto.client.agent.update.told import FINAL, NOT_NOW, Step
from pi_auto.version import __version__
from pi_auto.wire.times import parse_time
from pi_auto.wire.update import COMMITTED, REFUSED, ROLLED_BACK, TRIAL, Offer

_ENOUGH = 2  # failures of one release, after which it is left alone for a day
_DAY = 86400.0


def obstacle(offer: Offer, told: Sequence[Step]) -> str:
    """Why it is not taken now, though nothing is wrong; nothing if it may be."""
    if offer.latest_version == __version__:
        return "it is the one that runs"
    if told and told[-1].step == TRIAL and _is_fresh(told[-1]):  # else its end was lost with root's own state
        return f"{told[-1].version} is on trial"
    return ""


def failed_before(offer: Offer, told: Sequence[Step], *, is_wanted: bool) -> str:
    """Why it is refused: what root's switcher has told of it. One that somebody wants is tried once more.

    A refusal holds while the release runs that it was told by: of another one, the switcher decides anew.
    """
    ended = [one for one in told if one.update_id == offer.update_id and one.step in FINAL]
    is_refused = bool(ended) and ended[-1].step == REFUSED and not ended[-1].reason.startswith(NOT_NOW)
    if is_refused and not any(one.step == COMMITTED for one in told[told.index(ended[-1]) :]):
        return ended[-1].reason
    failures = [one for one in ended if one.step == ROLLED_BACK]
    if len(failures) >= _ENOUGH and _is_fresh(failures[-1]) and not is_wanted:
        often = f"it has failed here {len(failures)} times ({failures[-1].reason})"
        return f"{NOT_NOW}{often}, and is left alone for a day"
    return ""


def failure_of(newest: Step | None) -> str:
    """Of the last update, if it has failed: a person is to see it until another one has gone well."""
    if newest is None or newest.step not in (REFUSED, ROLLED_BACK):
        return ""
    return f"; {newest.version} was {newest.step.replace('_', ' ')}: {newest.reason}"


def _is_fresh(step: Step) -> bool:
    at = parse_time(step.time)
    return at is not None and abs((datetime.now(UTC) - at).total_seconds()) < _DAY
