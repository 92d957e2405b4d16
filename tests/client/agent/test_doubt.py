from __future__ import annotations

from pi_auto.client.agent.hub.doubt import Doubt
from pi_auto.wire.ids import Position
from support.records import SPOOL

FIRST, SECOND = Position(SPOOL, 1), Position(SPOOL, 2)


def test_a_record_is_suspect_after_many_losses_over_a_long_time() -> None:
    doubt = Doubt(losses=3, seconds=60.0)
    for now in (0.0, 1.0, 2.0):
        doubt.lost(FIRST, now)
    assert (doubt.suspect(59.0), doubt.suspect(60.0)) == (None, FIRST)


def test_few_losses_make_no_suspect_however_long_they_take() -> None:
    doubt = Doubt(losses=3, seconds=60.0)
    doubt.lost(FIRST, 0.0)
    doubt.lost(FIRST, 9999.0)
    assert doubt.suspect(99999.0) is None


def test_any_acknowledgement_or_progress_begins_anew() -> None:
    for other in (None, SECOND):
        doubt = Doubt(losses=2, seconds=0.0)
        doubt.lost(FIRST, 0.0)
        doubt.lost(other, 1.0)
        doubt.lost(FIRST, 2.0)
        assert doubt.suspect(3.0) is None


def test_connections_that_carried_nothing_make_nobody_suspect() -> None:
    doubt = Doubt(losses=2, seconds=0.0)
    for now in range(10):
        doubt.lost(None, float(now))
    assert (doubt.suspect(99.0), doubt.patience()) == (None, 0.0)


def test_one_trial_is_not_enough() -> None:
    doubt = Doubt(losses=1, seconds=0.0)
    doubt.lost(FIRST, 0.0)
    assert [doubt.convicts(), doubt.convicts()] == [False, True]


def test_a_hub_that_is_lost_often_is_left_alone_for_a_while() -> None:
    doubt = Doubt(losses=2, seconds=60.0)
    doubt.lost(FIRST, 0.0)
    assert doubt.patience() == 0.0
    doubt.lost(FIRST, 1.0)
    assert doubt.patience() == 30.0
