"""A roll-out from plan to end: what moves it, what stops it, and what an operator may do when."""

from __future__ import annotations

import pytest

from pi_auto.server.audit.tables import audit
from pi_auto.server.rollouts import watching, words
from pi_auto.server.rollouts.leading import look
from pi_auto.wire.errors import FieldError
from pi_auto.wire.update import COMMITTED, REFUSED, ROLLED_BACK, TRIAL, VERIFIED, Offer
from support.rollout import NEW, Fleet

ALL = [f"pi-{number:08x}" for number in range(10)]


def settle(fleet: Fleet, step: str, *device_ids: str) -> None:
    for each in device_ids:
        fleet.check(each)
        fleet.tell(each, step, reason="no scanner" if step == ROLLED_BACK else None)


def stage(fleet: Fleet, number: int) -> tuple[str, int]:
    shown = fleet.show(number)
    return shown["state"], shown["stage"]


def test_a_stage_lasts_as_long_as_it_has_to(fleet: Fleet) -> None:
    fleet.admin("device tag", device_id=ALL[0], tag="lab")
    number = fleet.start(stages="tag:lab/1h 100%/1h")
    settle(fleet, COMMITTED, ALL[0])
    fleet.clock.pass_by(3599)
    look(fleet.context)
    assert stage(fleet, number) == ("running", 1)
    fleet.clock.pass_by(1)
    look(fleet.context)
    look(fleet.context)  # twice does what once does
    assert stage(fleet, number) == ("running", 2)


def test_a_stage_of_which_nobody_is_here_waits_for_somebody(fleet: Fleet) -> None:
    fleet.admin("device tag", device_id=ALL[0], tag="lab")
    number = fleet.start(stages="tag:lab 100%")
    fleet.clock.pass_by(3600)
    look(fleet.context)
    assert stage(fleet, number) == ("running", 1)
    assert fleet.show(number)["why"] == "none of the 1 devices that it reaches so far is here"
    fleet.admin("rollout advance", rollout=number)
    assert stage(fleet, number) == ("running", 2)


def test_a_stage_without_any_device_is_passed_by(fleet: Fleet) -> None:
    number = fleet.start(stages="tag:lab 100%")
    look(fleet.context)
    assert stage(fleet, number) == ("running", 2)


def test_three_failures_pause_it_at_once_and_two_do_not(fleet: Fleet) -> None:
    number = fleet.start()
    settle(fleet, ROLLED_BACK, *ALL[:2])
    assert stage(fleet, number)[0] == "running"
    settle(fleet, ROLLED_BACK, ALL[2])
    assert stage(fleet, number)[0] == "paused"
    assert fleet.show(number)["why"] == "3 of 3 devices have failed"
    last = fleet.rows(audit)[-1]
    assert (last.actor, last.action, last.subject, last.outcome) == (
        "server",
        "rollout",
        f"rollout {number}",
        "pauses",
    )


def test_what_was_forgiven_pauses_it_no_more(fleet: Fleet) -> None:
    number = fleet.start()
    settle(fleet, ROLLED_BACK, *ALL[:3])
    fleet.clock.pass_by(60)
    fleet.admin("rollout resume", rollout=number)
    settle(fleet, COMMITTED, *ALL[3:])
    look(fleet.context)
    shown = fleet.show(number)
    assert (shown["state"], shown["forgiven"], shown["failed"]) == ("completed", 3, 3)


@pytest.mark.parametrize(
    "reasons", [("its self-test has failed",) * 2, ("not now: 3 MiB free", "not now: 2 MiB free")]
)
def test_a_refusal_that_was_forgiven_and_is_told_again_pauses_it_no_more(
    fleet: Fleet, reasons: tuple[str, str]
) -> None:
    number = fleet.start()
    for device_id in ALL[:3]:
        fleet.check(device_id)
        fleet.tell(device_id, REFUSED, reason=reasons[0])
    assert stage(fleet, number)[0] == "paused"
    fleet.clock.pass_by(60)
    fleet.admin("rollout resume", rollout=number)
    for device_id in ALL[:3]:
        assert isinstance(fleet.check(device_id), Offer)
        fleet.clock.pass_by(60)
        fleet.tell(device_id, REFUSED, reason=reasons[1])
    shown = fleet.show(number)
    assert (shown["state"], shown["forgiven"]) == ("running", 3)
    assert shown["reasons"][0]["reason"] == reasons[1]


def test_a_second_refusal_in_one_try_is_no_second_failure(fleet: Fleet) -> None:
    """An agent that starts anew wakes the switcher once more, which refuses for another reason now."""
    number = fleet.start()
    for device_id in ALL[:3]:
        fleet.check(device_id)
        fleet.tell(device_id, REFUSED, reason="not now: the system installs updates")
    fleet.clock.pass_by(60)
    fleet.admin("rollout resume", rollout=number)
    for device_id in ALL[:3]:
        fleet.clock.pass_by(60)
        fleet.tell(device_id, VERIFIED)
        fleet.clock.pass_by(60)
        fleet.tell(device_id, REFUSED, reason="release counter 8 has to be taken first; this device is at 2")
    shown = fleet.show(number)
    assert (shown["state"], shown["forgiven"]) == ("running", 3)
    line = fleet.report(number)[ALL[0]]
    assert (line["attempts"], line["failures"]) == (1, 1)
    assert line["reason"] == "release counter 8 has to be taken first; this device is at 2"


def test_a_refusal_of_what_has_failed_there_before_is_no_second_failure(fleet: Fleet) -> None:
    number = fleet.start()
    settle(fleet, ROLLED_BACK, *ALL[:3])
    assert stage(fleet, number)[0] == "paused"
    fleet.clock.pass_by(60)
    fleet.admin("rollout resume", rollout=number)
    for device_id in ALL[:3]:
        assert isinstance(fleet.check(device_id), Offer)
        fleet.clock.pass_by(60)
        fleet.tell(device_id, REFUSED, reason="this archive has failed here before: no scanner")
    shown = fleet.show(number)
    assert (shown["state"], shown["forgiven"]) == ("running", 3)


def test_a_new_failure_after_one_that_was_forgiven_counts(fleet: Fleet) -> None:
    number = fleet.start()
    settle(fleet, ROLLED_BACK, *ALL[:3])
    fleet.clock.pass_by(60)
    fleet.admin("rollout resume", rollout=number)
    for device_id in ALL[:3]:
        fleet.check(device_id)
        fleet.clock.pass_by(60)
        fleet.tell(device_id, ROLLED_BACK, reason="no scanner")
    assert stage(fleet, number)[0] == "paused"
    assert fleet.report(number)[ALL[0]]["failures"] == 2


def test_too_few_that_run_it_pause_it_when_nobody_is_left_to_try(fleet: Fleet) -> None:
    number = fleet.start(attempts=1)
    settle(fleet, COMMITTED, *ALL[1:])
    settle(fleet, ROLLED_BACK, ALL[0])
    look(fleet.context)
    assert stage(fleet, number)[0] == "paused"
    assert fleet.show(number)["why"] == "9 of 10 devices run it, and 95 % have to; the others have failed"


def test_it_waits_for_a_device_that_may_try_once_more(fleet: Fleet) -> None:
    number = fleet.start()
    settle(fleet, COMMITTED, *ALL[1:])
    settle(fleet, ROLLED_BACK, ALL[0])
    look(fleet.context)
    assert stage(fleet, number)[0] == "running"
    fleet.clock.pass_by(60)
    settle(fleet, COMMITTED, ALL[0])
    look(fleet.context)
    assert stage(fleet, number)[0] == "completed"


def test_silence_pauses_it_as_well(fleet: Fleet) -> None:
    number = fleet.start()
    for each in ALL[:3]:
        fleet.check(each)
        fleet.tell(each, TRIAL)
    fleet.clock.pass_by(7200)
    look(fleet.context)
    assert stage(fleet, number)[0] == "paused"


def test_who_was_away_still_gets_it_and_may_still_stop_it(fleet: Fleet) -> None:
    number = fleet.start()
    settle(fleet, COMMITTED, *ALL[:6])
    look(fleet.context)
    assert stage(fleet, number)[0] == "completed"
    settle(fleet, ROLLED_BACK, *ALL[6:9])
    assert stage(fleet, number)[0] == "paused"


def test_an_operator_may_only_do_what_fits(fleet: Fleet) -> None:
    number = int(fleet.admin("rollout plan", version=NEW)["id"])
    for action in ("pause", "resume", "advance"):
        with pytest.raises(FieldError, match="which is draft"):
            fleet.admin(f"rollout {action}", rollout=number)
    fleet.admin("rollout start", rollout=number)
    with pytest.raises(FieldError, match="which is running; allowed: one that is draft"):
        fleet.admin("rollout start", rollout=number)
    other = int(fleet.admin("rollout plan", version=NEW)["id"])
    with pytest.raises(FieldError, match=f"abort roll-out {number} first"):
        fleet.admin("rollout start", rollout=other)
    fleet.admin("rollout abort", rollout=number, why="it beeps")
    assert fleet.show(number)["why"] == "it beeps"
    with pytest.raises(FieldError, match="which is aborted"):
        fleet.admin("rollout resume", rollout=number)
    told = [(row.actor, row.action) for row in fleet.rows(audit)]
    assert told == [("ann", f"rollout {each}") for each in ("plan", "start", "plan", "abort")]


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"version": "9.9"}, "version"),
        ({"stages": ""}, "stages"),
        ({"stages": "5%/4x"}, "stages[0], behind the slash"),
        ({"stages": "101%"}, "stages[0]"),
        ({"stages": "50% 5%"}, "stages"),
        ({"stages": "group:Shops/1h"}, "stages[0]"),
        ({"stages": "1% " * 17}, "stages"),
        ({"silence": "5m"}, "silence"),
        ({"success": 101}, "success"),
        ({"attempts": 0}, "attempts"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_by_name(fleet: Fleet, told: dict[str, object], field: str) -> None:
    with pytest.raises(FieldError) as refused:
        fleet.admin("rollout plan", **({"version": NEW} | told))
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("request_", "told", "field"),
    [
        ("device tag", {"tag": "Lab"}, "tag"),
        ("device group", {"group": "a b"}, "group"),
        ("device pin", {"version": "9.9"}, "version"),
        ("device unpin", {}, "device_id"),
        ("device tag", {"device_id": "pi-ffffffff", "tag": "lab"}, "device_id"),
        ("rollout window", {"days": "mon", "begins": "1:00", "ends": "02:00", "zone": "UTC"}, "--from"),
        ("rollout window", {"days": "mon", "begins": "01:00", "ends": "01:10", "zone": "UTC"}, "--to"),
        ("rollout window", {"days": "moon", "begins": "01:00", "ends": "02:00", "zone": "UTC"}, "--days"),
        ("rollout window", {"days": "mon", "begins": "01:00", "ends": "02:00", "zone": "../etc/passwd"}, "--zone"),
        ("rollout window", {"remove": True}, "window"),
        ("rollout window", {"begins": "22:00"}, "--to"),
        ("rollout window", {"ends": "05:00"}, "--from"),
        ("rollout show", {"rollout": 77}, "rollout"),
    ],
)  # fmt: skip
def test_a_saying_that_cannot_be_is_refused_by_name(
    fleet: Fleet, request_: str, told: dict[str, object], field: str
) -> None:
    with pytest.raises(FieldError) as refused:
        fleet.admin(request_, **({"device_id": ALL[0]} | told))
    assert refused.value.field == field


def test_a_simulation_says_who_would_get_it_and_when(fleet: Fleet) -> None:
    fleet.admin("device tag", device_id=ALL[0], tag="lab")
    fleet.admin("device pin", device_id=ALL[1], version=NEW)
    fleet.versions[ALL[2]] = NEW
    fleet.check(ALL[2])
    fleet.admin("rollout window", device_id=ALL[3], days="tue", begins="02:00", ends="04:00", zone="UTC")
    number = int(fleet.admin("rollout plan", version=NEW, stages="tag:lab/2h 100%")["id"])
    devices = {each["device_id"]: each for each in fleet.admin("rollout simulate", rollout=number)["devices"]}
    assert len(devices) == 10
    assert [devices[ALL[n]]["stage"] for n in (0, 1, 2, 3)] == [1, 2, 2, 2]
    assert [devices[ALL[n]]["takes"] for n in (0, 1, 2, 3)] == ["yes", "is pinned", "runs it", "yes"]
    assert devices[ALL[0]]["from"] == "2026-11-23T12:05:00.000Z"
    assert devices[ALL[4]]["from"] == "2026-11-23T14:05:00.000Z"
    assert devices[ALL[3]]["from"] == "2026-11-24T02:00:00.000Z"
    assert fleet.show(number)["reached"] == 0  # nothing has happened


def test_a_rollout_that_waits_for_days_hides_no_silence_of_another(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MOST_SEEN", 5)
    patient = fleet.start(silence="7d")
    for each in ALL[:6]:
        fleet.check(each)
    fleet.admin("rollout pause", rollout=patient)
    fleet.release(3, "2.2.0")
    number = fleet.start("2.2.0", silence="10m")
    fleet.clock.pass_by(60)
    for each in ALL[6:]:
        fleet.check(each)
    fleet.clock.pass_by(3600)
    look(fleet.context)
    assert (fleet.show(number)["failed"], fleet.show(number)["state"]) == (4, "paused")
    assert fleet.show(patient)["failed"] == 0


def test_a_rollout_waits_for_nobody_who_has_to_take_another_release_first_and_says_so(fleet: Fleet) -> None:
    fleet.release(3, "2.2.0", least_counter=2)
    for each in ALL[:4]:
        fleet.versions[each] = NEW
    for each in ALL:
        fleet.check(each)
    number = fleet.start("2.2.0", stages="100%/0s")
    shown = fleet.show(number)
    assert shown["held_back"] == 6
    assert "6 devices need release counter 2 first" in words.shown({"rollout": shown})
    for each in ALL:
        if isinstance(fleet.check(each), Offer):
            fleet.tell(each, COMMITTED, "2.2.0")
    look(fleet.context)
    shown = fleet.show(number)
    assert (shown["state"], shown["reached"], shown["committed"]) == ("completed", 4, 4)
    foreseen = fleet.admin("rollout simulate", rollout=number)["devices"]
    assert [each["takes"] for each in foreseen].count("needs release counter 2 first") == 6


def test_a_rollout_is_not_resumed_beside_another_one_of_its_release(fleet: Fleet) -> None:
    """Each would count the other's devices as its own; the first one was complete when the second was started."""
    first = fleet.start(stages="tag:lab")
    look(fleet.context)
    assert stage(fleet, first)[0] == "completed"
    second = fleet.start()
    fleet.admin("rollout pause", rollout=first)
    with pytest.raises(FieldError, match=f"abort roll-out {second} first"):
        fleet.admin("rollout resume", rollout=first)
    fleet.admin("rollout abort", rollout=second)
    fleet.admin("rollout resume", rollout=first)
    assert stage(fleet, first)[0] == "running"
