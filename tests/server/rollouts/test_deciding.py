"""What a device is answered when it asks: by stage, pin, window, counter, and by what it has made of it before."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import update

from pi_auto.server.fleet.tables import devices
from pi_auto.server.rollouts.deciding import decide
from pi_auto.server.rollouts.leading import look
from pi_auto.server.rollouts.stages import bucket_of
from pi_auto.server.rollouts.tables import update_attempts
from pi_auto.wire.errors import FieldError
from pi_auto.wire.update import COMMITTED, NoUpdate, Offer
from support.rollout import NEW, OLD, Fleet, update_id_of

PI = "pi-00000003"


def test_nothing_is_offered_before_a_rollout_is_started(fleet: Fleet) -> None:
    fleet.admin("rollout plan", version=NEW, stages="100%")
    assert fleet.why(PI) == "no update is available"


def test_an_offer_names_the_archive_and_what_the_signed_metadata_call_it(fleet: Fleet) -> None:
    fleet.start()
    assert fleet.check(PI) == Offer(
        current_version=OLD,
        latest_version=NEW,
        update_id=update_id_of(NEW),
        target=f"client/{NEW}/pi_auto_client.py",
        counter=2,
        update_size=20_000_000,
        file_hash=update_id_of(NEW),
        download_url=f"/api/ota/download_update?update_id={update_id_of(NEW)}",
    )


def test_deciding_alone_writes_nothing(fleet: Fleet) -> None:
    fleet.start()
    with fleet.context.store.engine.connect() as books:  # which only reads
        assert isinstance(decide(books, PI, OLD, fleet.clock()), Offer)
    assert fleet.rows(update_attempts) == []


def test_the_next_stage_is_told_when_it_can_be_its_turn_and_the_others_are_not(fleet: Fleet) -> None:
    fleet.admin("device tag", device_id="pi-00000001", tag="lab")
    fleet.admin("device group", device_id=PI, group="shops")
    fleet.start(stages="tag:lab/30m group:shops/1h 100%")
    assert isinstance(fleet.check("pi-00000001"), Offer)
    soon = fleet.check(PI)
    assert isinstance(soon, NoUpdate)
    assert soon.retry_after is not None
    assert 1800 <= soon.retry_after <= 2100
    later = fleet.check("pi-00000004")
    assert isinstance(later, NoUpdate)
    assert later.retry_after is None


@pytest.mark.parametrize(
    ("end", "message"),
    [("pause", "no update is available"), ("abort", "no update is available")],
)
def test_a_rollout_that_is_paused_or_aborted_offers_nothing_new(fleet: Fleet, end: str, message: str) -> None:
    number = fleet.start()
    fleet.check("pi-00000001")
    fleet.admin(f"rollout {end}", rollout=number, why="tills beep")
    assert fleet.why(PI) == message
    fleet.tell("pi-00000001", COMMITTED)  # who is under way finishes
    assert fleet.report(number)["pi-00000001"]["step"] == "committed"


def test_a_withdrawn_release_is_offered_to_nobody(fleet: Fleet) -> None:
    fleet.release(3, "2.2.0")
    fleet.start("2.2.0")
    fleet.admin("device pin", device_id="pi-00000001", version="2.2.0")
    fleet.job(
        lambda books: books.exec_driver_sql("UPDATE releases SET withdrawn_at = published_at WHERE counter = 3")
    )
    assert fleet.why(PI) == "no update is available"
    assert "withdrawn" in fleet.why("pi-00000001")


def test_no_device_goes_down_not_even_by_a_pin(fleet: Fleet) -> None:
    fleet.versions[PI] = NEW
    fleet.start(OLD)
    assert fleet.why(PI) == "no update is available"
    fleet.admin("device pin", device_id=PI, version=OLD)
    assert "no device goes back" in fleet.why(PI)


def test_the_old_code_with_a_new_counter_is_no_step_back(fleet: Fleet) -> None:
    fleet.release(3, "2.0.0+again")
    fleet.versions[PI] = NEW
    fleet.start("2.0.0+again")
    assert isinstance(fleet.check(PI), Offer)


def test_a_pin_goes_before_every_rollout(fleet: Fleet) -> None:
    fleet.release(3, "2.2.0")
    fleet.start("2.2.0")
    fleet.admin("device pin", device_id=PI, version=NEW)
    answer = fleet.check(PI)
    assert isinstance(answer, Offer)
    assert answer.latest_version == NEW
    fleet.tell(PI, COMMITTED)
    fleet.versions[PI] = NEW
    assert "pinned" in fleet.why(PI)
    fleet.admin("device unpin", device_id=PI)
    answer = fleet.check(PI)
    assert isinstance(answer, Offer)
    assert answer.latest_version == "2.2.0"


def test_outside_of_its_window_a_device_waits_and_is_told_when_it_opens(fleet: Fleet) -> None:
    fleet.admin("device group", device_id=PI, group="rome")
    # It is 12:05 in UTC, and 13:05 in Rome.
    fleet.admin("rollout window", group="rome", days="all", begins="13:30", ends="15:00", zone="Europe/Rome")
    number = fleet.start()
    waits = fleet.check(PI)
    assert isinstance(waits, NoUpdate)
    assert "maintenance window" in waits.message
    assert waits.retry_after is not None
    assert 25 * 60 <= waits.retry_after <= 30 * 60
    assert isinstance(fleet.check("pi-00000001"), Offer)  # it has none
    fleet.clock.pass_by(waits.retry_after)
    assert isinstance(fleet.check(PI), Offer)
    fleet.admin("rollout abort", rollout=number)


@pytest.mark.parametrize(
    ("zone", "opens"),
    [
        ("Europe/Rome", "12:30"), ("America/New_York", "18:30"), ("UTC", "13:30"), (None, "13:30"),
        ("../../etc/passwd", "13:30"), ("Mars/Olympus", "13:30"), ("", "13:30"), (7, "13:30"),
    ],
)  # fmt: skip
def test_a_window_may_go_by_each_devices_own_clock(fleet: Fleet, zone: object, opens: str) -> None:
    """Whatever a device tells of its zone: what nobody knows counts as UTC."""
    told = {} if zone is None else {"zone": zone}
    fleet.job(lambda books: books.execute(devices.update().where(devices.c.device_id == PI).values(reported=told)))
    fleet.admin("rollout window", days="all", begins="13:30", ends="15:00", zone="device")
    number = fleet.start()
    foreseen = {each["device_id"]: each for each in fleet.admin("rollout simulate", rollout=number)["devices"]}
    assert foreseen[PI]["from"] == f"2026-11-23T{opens}:00.000Z"
    used = "UTC" if opens == "13:30" else zone
    waits = fleet.check(PI)
    assert isinstance(waits, NoUpdate)
    assert waits.message.endswith(f"13:30-15:00 {used}")
    fleet.clock.now = datetime.fromisoformat(f"2026-11-23T{opens}:00+00:00")
    assert isinstance(fleet.check(PI), Offer)
    assert fleet.admin("rollout window")["windows"][0]["window"].endswith("by each device's own clock")


@pytest.mark.parametrize("urgent", ["a mandatory plan", "at once"])
def test_what_is_urgent_waits_for_no_window(fleet: Fleet, urgent: str) -> None:
    fleet.admin("rollout window", days="sat,sun", begins="02:00", ends="03:00", zone="UTC")  # it is a Monday
    fleet.release(3, "2.2.0")
    mandatory = urgent == "a mandatory plan"
    number = fleet.admin("rollout plan", version="2.2.0", stages="100%", mandatory=mandatory)["id"]
    fleet.admin("rollout start", rollout=number, at_once=urgent == "at once")
    answer = fleet.check(PI)
    assert isinstance(answer, Offer)
    assert answer.mandatory


def test_at_once_reaches_everybody_whatever_the_stages_were(fleet: Fleet) -> None:
    number = fleet.admin("rollout plan", version=NEW, stages="tag:lab/1h 1%/1d")["id"]
    fleet.admin("rollout start", rollout=number, at_once=True)
    assert all(isinstance(fleet.check(each), Offer) for each in fleet.versions)


def test_each_rollout_begins_with_other_devices(fleet: Fleet) -> None:
    del fleet
    first = [sorted(range(1000), key=lambda each: bucket_of(rollout, f"pi-{each:08x}"))[:50] for rollout in (1, 2)]
    assert len(set(first[0]) & set(first[1])) < 15


def test_a_rollout_that_runs_is_offered_however_many_of_newer_releases_are_complete(fleet: Fleet) -> None:
    """A lab that takes a release every night must not hide the one that everybody waits for."""
    lab = "pi-00000001"
    fleet.admin("device tag", device_id=lab, tag="lab")
    for number in range(33):
        version = f"3.0.{number}"
        fleet.release(10 + number, version)
        nightly = fleet.start(version, stages="tag:lab/0s")
        fleet.check(lab)
        fleet.tell(lab, COMMITTED, version)
        fleet.versions[lab] = version
        look(fleet.context)
        assert fleet.show(nightly)["state"] == "completed"
    fleet.start()
    assert isinstance(fleet.check(PI), Offer)


def test_a_release_is_offered_from_the_counter_on_from_which_it_may_be_taken(fleet: Fleet) -> None:
    fleet.release(3, "2.2.0", least_counter=2)
    number = fleet.start("2.2.0")
    assert fleet.why(PI) == "2.2.0 is taken from release counter 2 on, and this device is at 1"
    assert fleet.report(number)[PI]["step"] == "needs release counter 2 first"
    assert fleet.rows(update_attempts) == []
    fleet.start()
    step = fleet.check(PI)
    assert isinstance(step, Offer)
    assert step.latest_version == NEW
    fleet.tell(PI, COMMITTED)
    fleet.versions[PI] = NEW
    answer = fleet.check(PI)
    assert isinstance(answer, Offer)
    assert answer.latest_version == "2.2.0"


def test_a_pin_says_from_which_counter_on_its_release_may_be_taken(fleet: Fleet) -> None:
    fleet.release(3, "2.2.0", least_counter=2)
    fleet.admin("device pin", device_id=PI, version="2.2.0")
    assert fleet.why(PI) == "2.2.0 is taken from release counter 2 on, and this device is at 1"


@pytest.mark.parametrize(
    ("told", "is_offered"),
    [
        ({"counter": 2}, True), ({"counter": 1}, False), ({}, False), ({"counter": "2"}, False),
        ({"counter": True}, False), ({"counter": 1e9}, False), ("rubbish", False), (None, False),
    ],
)  # fmt: skip
def test_a_device_that_tells_what_it_is_at_is_believed_where_the_books_know_less(
    fleet: Fleet, told: object, is_offered: bool
) -> None:
    """It went back by hand, and the books that knew what it had committed were lost."""
    reported = devices.update().where(devices.c.device_id == PI).values(reported={"update": told})
    fleet.job(lambda books: books.execute(reported))
    fleet.release(3, "2.2.0", least_counter=2)
    fleet.start("2.2.0")
    assert isinstance(fleet.check(PI), Offer) == is_offered


def test_a_device_that_takes_anothers_host_name_gets_nothing_that_was_meant_for_that_one(fleet: Fleet) -> None:
    """What a device is called it says itself; the books show whoever of a name was heard of last."""
    impostor = "pi-00000007"

    def called(device_id: str, hostname: str) -> None:
        named = update(devices).where(devices.c.device_id == device_id).values(hostname=hostname)
        fleet.context.writer.submit(lambda books: books.execute(named).rowcount).result(10)

    called(PI, "till-3")
    assert fleet.admin("device tag", device_id="till-3", tag="lab")["device_id"] == PI
    called(impostor, "till-3")
    fleet.check(impostor)  # it was heard of last
    for request, told in (("pin", {"version": NEW}), ("tag", {"tag": "lab"}), ("group", {"group": "shops"})):
        with pytest.raises(FieldError, match=f"several have this host name, such as {PI}, {impostor}"):
            fleet.admin(f"device {request}", device_id="till-3", **told)
    assert fleet.admin("device pin", device_id=PI, version=NEW)["device_id"] == PI
    called(impostor, PI)  # an id goes before any name
    assert fleet.admin("device unpin", device_id=PI)["device_id"] == PI
