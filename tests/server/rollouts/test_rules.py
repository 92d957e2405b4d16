"""What holds of every roll-out, whatever its stages, its devices and what they tell: tried with random ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from pi_auto.server.rollouts import steps
from pi_auto.server.rollouts.candidates import Candidate, Facts, State, Target
from pi_auto.server.rollouts.judging import Figures, Limits, Move, judge
from pi_auto.server.rollouts.rules import No, Yes, choose
from pi_auto.server.rollouts.stages import BUCKETS, Device, Stage, bucket_of, parse_stages, read_stages
from pi_auto.server.rollouts.windows import Window, parse_days, written_days
from pi_auto.wire.update import COMMITTED, ROLLED_BACK, STEPS, UpdateStatus, status_of

NOW = datetime(2026, 11, 23, 12, 5, tzinfo=UTC)
shares = st.lists(st.integers(1, BUCKETS), min_size=1, max_size=6, unique=True).map(sorted)
percentages = st.integers(0, 100)
figures = st.builds(
    Figures,
    reached=st.integers(0, 3000),
    committed=st.integers(0, 3000),
    failed=st.integers(0, 100),
    forgiven=st.integers(0, 5),
    trying=st.integers(0, 50),
    unasked=st.integers(0, 500),
    away=st.integers(0, 500),
    soaked=st.booleans(),
    last=st.booleans(),
)


def offered(number: int, sizes: list[int], stage: int, state: State = State.RUNNING) -> set[str]:
    """Who of a hundred and twenty is offered the release in this stage."""
    stages = tuple(Stage(share=share) for share in sizes)
    found = set()
    for each in (f"pi-{device:08x}" for device in range(120)):
        device = Device(bucket_of(number, each))
        candidate = Candidate(number, Target(2, "2.1.0"), state, stages, stage, NOW, device)
        if isinstance(choose(Facts("2.0.0", 1, candidates=(candidate,)), NOW), Yes):
            found.add(each)
    return found


@settings(deadline=None)  # a busy machine
@given(st.integers(1, 10**6), shares, st.data())
def test_a_stage_offers_its_share_and_no_more_and_each_holds_those_before_it(
    number: int, sizes: list[int], data: st.DataObject
) -> None:
    stage = data.draw(st.integers(0, len(sizes) - 1))
    now = offered(number, sizes, stage)
    assert now == {
        each for each in (f"pi-{device:08x}" for device in range(120)) if bucket_of(number, each) < sizes[stage]
    }
    assert now == offered(number, sizes, stage)
    if stage:
        assert offered(number, sizes, stage - 1) <= now
    for state in (State.DRAFT, State.PAUSED, State.ABORTED):
        assert offered(number, sizes, stage, state) == set()


@given(
    st.lists(st.tuples(st.integers(1, 9), st.booleans(), st.sampled_from(State)), max_size=5),
    st.integers(0, 9),
    st.integers(0, 9),
)
def test_what_is_offered_is_newer_runs_and_was_not_withdrawn(
    targets: list[tuple[int, bool, State]], counter: int, highest: int
) -> None:
    candidates = tuple(
        Candidate(n, Target(c, f"v{c}", withdrawn=w), state, (Stage(BUCKETS),), 0, NOW, Device(0))
        for n, (c, w, state) in enumerate(targets, 1)
    )
    chosen = choose(Facts(f"v{counter}", counter, highest, candidates=candidates), NOW)
    fitting = [
        c for c, w, s in targets if c > counter and c >= highest and not w and s in {"running", "completed"}
    ]
    if isinstance(chosen, No):
        assert not fitting
    else:
        assert chosen.target.counter == max(fitting)


@given(figures)
def test_it_moves_only_when_its_time_is_over_and_never_with_too_many_failures(seen: Figures) -> None:
    limits = Limits()
    move = judge(seen, limits).move
    assert judge(seen, limits).move is move
    if move in {Move.ADVANCE, Move.COMPLETE}:
        assert seen.soaked
        assert seen.failed < limits.failures or seen.failed * 100 < limits.failure_percent * seen.finished
        assert seen.committed * 100 >= limits.success * (seen.reached - seen.forgiven)
        assert (move is Move.COMPLETE) == seen.last
    more = replace(seen, failed=max(3, seen.failed + seen.finished))
    assert judge(more, limits).move is Move.PAUSE


steps_told = st.lists(
    st.tuples(st.sampled_from(STEPS), st.integers(0, 7200), st.integers(0, 100) | st.none()), max_size=12
)


@given(steps_told)
def test_reports_that_come_again_change_nothing_and_a_commit_stays(
    told: list[tuple[str, int, int | None]],
) -> None:
    attempt = steps.first_offer(NOW)
    for step, later, percent in told:
        said = NOW + timedelta(seconds=later)
        status = UpdateStatus("pi-1", "2.1.0", status_of(step), said, step=step, percent=percent)
        after = steps.told(attempt, status, NOW + timedelta(hours=3))
        again = steps.told(after, status, NOW + timedelta(hours=4))
        assert (again.step, again.failures) == (after.step, after.failures)
        if attempt.step == COMMITTED:
            assert after.step in {COMMITTED, ROLLED_BACK}
        assert after.failures >= attempt.failures
        assert (after.step in steps.FAILED) <= (after.failures > 0)
        attempt = after


@given(
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.sampled_from(["UTC", "Europe/Rome", "America/New_York", "Pacific/Apia", "Asia/Kathmandu"]),
    st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis wants them so
)
def test_a_window_is_found_within_a_week_and_open_at_its_beginning(
    days: set[int], begins: int, ends: int, zone: str, now: datetime
) -> None:
    window = Window(tuple(sorted(days)), begins, ends, zone)
    opens, closes = window.opening(now)
    assert closes > now
    assert opens <= now + timedelta(days=8)
    assert window.is_open(now) == (opens <= now)
    assert timedelta(0) < closes - opens <= timedelta(hours=25)
    assert parse_days(written_days(window.days)) == window.days


def test_stages_are_read_as_they_are_written() -> None:
    stages = parse_stages("tag:lab+group:shops/90m 0.5%/1h, 100%")
    assert stages == (
        Stage(tags=("lab",), groups=("shops",), soak=5400),
        Stage(share=50, soak=3600),
        Stage(share=10_000),
    )
    assert read_stages([stage.to_json() for stage in stages]) == stages
    assert parse_stages(" ".join(map(str, stages))) == stages
