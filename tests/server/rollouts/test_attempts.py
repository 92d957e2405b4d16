"""What becomes of an offer: reports, refusals, silence, and how often it is tried."""

from __future__ import annotations

from datetime import timedelta

from pi_auto.server.releases.tables import update_reports
from pi_auto.server.rollouts.leading import look
from pi_auto.server.rollouts.tables import update_checks
from pi_auto.wire.update import COMMITTED, DOWNLOADING, REFUSED, ROLLED_BACK, TRIAL, Offer
from support.rollout import NEW, OLD, Fleet

PI = "pi-00000003"
BEAT = "UPDATE devices SET reported = ?, last_heartbeat_at = ? WHERE device_id = ?"


def test_a_device_that_has_failed_twice_is_left_alone(fleet: Fleet) -> None:
    number = fleet.start()
    for _ in range(2):
        assert isinstance(fleet.check(PI), Offer)
        fleet.clock.pass_by(60)
        fleet.tell(PI, ROLLED_BACK, reason="no scanner")
    assert fleet.why(PI) == "no update is available"
    line = fleet.report(number)[PI]
    assert (line["step"], line["reason"], line["attempts"], line["failures"]) == (
        "rolled_back",
        "no scanner",
        2,
        2,
    )


def test_a_report_that_comes_again_counts_once(fleet: Fleet) -> None:
    number = fleet.start()
    fleet.check(PI)
    said = fleet.clock()
    assert fleet.tell(PI, ROLLED_BACK, said=said, reason="no scanner")
    fleet.clock.pass_by(60)
    assert not fleet.tell(PI, ROLLED_BACK, said=said, reason="no scanner")
    assert len(fleet.rows(update_reports)) == 1
    assert fleet.report(number)[PI]["failures"] == 1


def test_a_late_report_of_an_earlier_step_takes_nothing_back(fleet: Fleet) -> None:
    number = fleet.start()
    fleet.check(PI)
    start = fleet.clock()
    fleet.tell(PI, COMMITTED, said=start + timedelta(seconds=0))
    fleet.tell(PI, TRIAL, said=start - timedelta(minutes=5))
    assert fleet.report(number)[PI]["step"] == "committed"


def test_reports_of_one_device_are_bounded(fleet: Fleet) -> None:
    fleet.start()
    fleet.check(PI)
    fleet.check("pi-00000001")
    fleet.tell("pi-00000001", DOWNLOADING, percent=1)
    for number in range(230):
        fleet.clock.pass_by(1)
        fleet.tell(PI, DOWNLOADING, percent=number % 100)
    rows = fleet.rows(update_reports)
    assert sum(row.device_id == PI for row in rows) == 200
    assert rows[-1].said_at == fleet.clock()
    assert sum(row.device_id == "pi-00000001" for row in rows) == 1


def test_silence_is_a_failure_and_a_report_that_comes_after_all_undoes_it(fleet: Fleet) -> None:
    number = fleet.start()
    fleet.check(PI)
    fleet.tell(PI, TRIAL)
    fleet.clock.pass_by(7199)
    look(fleet.context)
    assert fleet.report(number)[PI]["step"] == "trial"
    fleet.clock.pass_by(1)
    look(fleet.context)
    line = fleet.report(number)[PI]
    assert (line["step"], line["reason"]) == ("silent", "no report for 120 minutes after trial")
    fleet.tell(PI, COMMITTED)
    assert fleet.report(number)[PI]["step"] == "committed"
    assert fleet.show(number)["failed"] == 0


def test_a_device_that_asks_with_the_new_version_has_committed_though_its_report_was_lost(fleet: Fleet) -> None:
    number = fleet.start()
    fleet.check(PI)
    fleet.tell(PI, TRIAL)
    fleet.versions[PI] = NEW
    fleet.clock.pass_by(600)
    fleet.check(PI)
    assert fleet.report(number)[PI]["step"] == "trial"  # what is on trial runs as well
    fleet.clock.pass_by(1200)
    fleet.check(PI)
    assert fleet.report(number)[PI]["step"] == "committed"
    assert {row.device_id: row.highest for row in fleet.rows(update_checks)}[PI] == 2


def test_heartbeats_with_the_new_version_count_as_well_but_not_those_before_it(fleet: Fleet) -> None:
    number = fleet.start()
    fleet.check(PI)
    fleet.check("pi-00000004")
    for minutes, device_id in ((40, PI), (1, "pi-00000004")):  # the second is dead since
        at = (fleet.clock() + timedelta(minutes=minutes)).replace(tzinfo=None)
        values = (f'{{"client_version": "{NEW}"}}', at.isoformat(" ", "microseconds"), device_id)
        fleet.job(lambda books, values=values: books.exec_driver_sql(BEAT, values))
    fleet.clock.pass_by(7200)
    look(fleet.context)
    report = fleet.report(number)
    assert report[PI]["step"] == "committed"
    assert report["pi-00000004"]["step"] == "silent"


def test_a_device_that_went_back_by_hand_after_its_commit_has_failed(fleet: Fleet) -> None:
    number = fleet.start()
    fleet.check(PI)
    fleet.tell(PI, COMMITTED)
    fleet.clock.pass_by(60)
    fleet.tell(PI, ROLLED_BACK, reason="by hand")
    line = fleet.report(number)[PI]
    assert (line["step"], line["reason"]) == ("rolled_back", "by hand")


def test_a_refusal_is_a_failure_with_its_reason(fleet: Fleet) -> None:
    number = fleet.start()
    fleet.check(PI)
    fleet.tell(PI, REFUSED, reason="python3-cryptography is missing")
    assert fleet.show(number)["reasons"] == [
        {"step": "refused", "reason": "python3-cryptography is missing", "devices": 1, "such_as": PI}
    ]


def test_a_device_that_has_put_it_off_is_offered_it_until_it_can(fleet: Fleet) -> None:
    fleet.start()
    for _ in range(4):
        assert isinstance(fleet.check(PI), Offer)
        fleet.clock.pass_by(3600)
        fleet.tell(PI, REFUSED, reason="not now: the disk is full")
    assert isinstance(fleet.check(PI), Offer)


def test_what_was_put_off_uses_up_no_try(fleet: Fleet) -> None:
    number = fleet.start()
    for _ in range(3):
        assert isinstance(fleet.check(PI), Offer)
        fleet.clock.pass_by(3600)
        fleet.tell(PI, REFUSED, reason="not now: the disk is full")
    for _ in range(2):
        assert isinstance(fleet.check(PI), Offer)
        fleet.clock.pass_by(3600)
        fleet.tell(PI, ROLLED_BACK, reason="no scanner")
    assert fleet.why(PI) == "no update is available"
    assert fleet.report(number)[PI]["attempts"] == 2


def test_a_report_of_the_fleets_authority_is_kept_and_belongs_to_no_rollout(fleet: Fleet) -> None:
    number = fleet.start()
    fleet.check(PI)
    fleet.tell(PI, COMMITTED, version="fleet/authority.json"[:5])
    assert fleet.report(number)[PI]["step"] == "offered"
    assert len(fleet.rows(update_reports)) == 1


def test_who_has_gone_on_to_a_newer_release_has_not_fallen_silent(fleet: Fleet) -> None:
    number = fleet.start()
    fleet.check(PI)
    fleet.release(3, "2.2.0")
    fleet.start("2.2.0")
    fleet.clock.pass_by(3600)
    fleet.check(PI)
    fleet.tell(PI, COMMITTED, "2.2.0")
    fleet.versions[PI] = "2.2.0"
    fleet.clock.pass_by(3600 * 3)
    fleet.check(PI)
    look(fleet.context)
    shown = fleet.show(number)
    assert (shown["reached"], shown["failed"], shown["under_way"]) == (0, 0, 0)
    assert fleet.report(number)[PI]["step"] == "runs a newer one"


def test_who_pins_a_device_again_has_it_try_again(fleet: Fleet) -> None:
    fleet.admin("device pin", device_id=PI, version=NEW)
    for _ in range(2):
        assert isinstance(fleet.check(PI), Offer)
        fleet.clock.pass_by(60)
        fleet.tell(PI, ROLLED_BACK, reason="it hung")
        fleet.clock.pass_by(60)
    assert fleet.why(PI) == f"{NEW} has failed on this device"
    fleet.admin("device unpin", device_id=PI)
    fleet.admin("device pin", device_id=PI, version=NEW)
    assert isinstance(fleet.check(PI), Offer)


def test_a_device_that_is_pinned_while_it_is_offered_a_release_has_not_fallen_silent(fleet: Fleet) -> None:
    number = fleet.start()
    fleet.check(PI)
    fleet.admin("device pin", device_id=PI, version=OLD)
    for _ in range(3):
        fleet.clock.pass_by(3600)
        fleet.check(PI)
        look(fleet.context)
    assert (fleet.show(number)["reached"], fleet.show(number)["failed"]) == (0, 0)
    assert fleet.report(number)[PI]["step"] == "is pinned"
