"""The whole agent with a card whose root signs updates: what it fetches, hands over and tells, and what not."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from pi_auto.client.agent.update import child
from pi_auto.client.agent.update.ledger import latest
from pi_auto.server.releases.tables import update_reports
from pi_auto.server.scans.tables import scans
from pi_auto.wire.update import Offer
from support.fleet_peer import UPDATES, answer, status
from support.signed_fleet import DOWNLOAD, METADATA, STATUS
from support.stored import StoredScans
from support.waiting import wait_until

from ..conftest import DEVICE, running  # noqa: TID252 - of the tests beside it
from .conftest import Site

ARCHIVE = bytes(range(256)) * 900


def step_of(offer: Offer, number: int, step: str, reason: str = "") -> dict[str, object]:
    return {
        "number": number, "update_id": offer.update_id, "version": offer.latest_version, "step": step,
        "reason": reason, "time": f"2026-11-29T22:00:{number:02d}.000Z",
    }  # fmt: skip


def test_a_release_is_fetched_handed_over_and_every_step_of_it_told_once(site: Site, stored: StoredScans) -> None:
    offer = site.fleet.release("0.2.0", ARCHIVE)
    site.offers(offer)
    ready = site.settings.agent_folder / "update" / "ready"
    with running(site.settings):
        stored.scan("while it is fetched")
        wait_until((site.runtime / "update").exists, 60, "the switcher to be woken")
        assert (ready / "archive").read_bytes() == ARCHIVE
        wait_until(lambda: site.steps() == ["offered", "downloading", "verified"], what="its steps")
        wait_until(lambda: [row.text for row in site.office.api.rows(scans)], what="the scan to arrive")
        before = site.office.peer.calls(DOWNLOAD)
        site.told(step_of(offer, 1, "trial"))
        wait_until(lambda: site.steps()[3:] == ["trial"], what="the trial to be told")
        assert ready.exists(), "until it is over"
        assert site.office.peer.calls(DOWNLOAD) == before
    (site.runtime / "update").unlink()
    with running(site.settings):
        wait_until((site.runtime / "update").exists, what="the switcher to be woken after a restart")
    # A restart in the middle: nothing is told twice, nothing is lost.
    site.told(step_of(offer, 1, "trial"), step_of(offer, 2, "rolled_back", "it crashed three times"))
    site.office.peer.fail(STATUS, status(500), status(503))
    site.office.peer.always[UPDATES] = answer({"has_update": False, "current_version": "0.1.0", "message": ""})
    with running(site.settings):
        wait_until(lambda: site.steps()[4:].count("rolled_back") >= 3, 30, "the end to be told")
        wait_until(lambda: not ready.exists(), what="what is of no use any more to be cleared away")
    assert site.reports()[-1] == ("rolled_back", "0.2.0", "it crashed three times")
    assert site.steps()[:4] == ["offered", "downloading", "verified", "trial"]
    assert set(site.steps()[4:]) == {"rolled_back"}
    assert len(site.office.api.rows(update_reports)) >= 5
    assert site.office.peer.calls(DOWNLOAD) == before
    step = latest(site.settings.state)
    assert step is not None
    assert (step.version, step.step) in {("0.2.0", "rolled_back"), ("0.2.0", "verified")}


def test_a_tampered_release_is_refused_the_server_hears_why_and_the_device_scans_on(
    site: Site, stored: StoredScans
) -> None:
    offer = site.fleet.release("0.2.0", ARCHIVE)
    site.fleet.archives[offer.update_id] = ARCHIVE[:-1] + b"!"
    site.offers(offer)
    with running(site.settings):
        wait_until(lambda: "refused" in site.steps(), 30, "its refusal")
        stored.scan("one")
        wait_until(lambda: [row.text for row in site.office.api.rows(scans)], what="the scan to arrive")
        assert "is not what is signed" in site.said()["said"] or site.said()["step"] == "offered"
    (reason,) = {why for step, _, why in site.reports() if step == "refused"}
    assert reason
    assert "is not what is signed" in reason
    assert not (site.settings.agent_folder / "update" / "ready").exists()
    assert not (site.runtime / "update").exists()


def test_without_an_update_root_nothing_is_fetched_and_everybody_is_told(site: Site) -> None:
    card = json.loads(site.settings.fleet_card.read_bytes())
    del card["update_root"]
    site.settings.fleet_card.write_text(json.dumps(card))
    site.offers(site.fleet.release("0.2.0", ARCHIVE))
    with running(site.settings):
        wait_until(lambda: "refused" in site.steps(), 30, "its refusal")
        wait_until(lambda: "updates are off" in str(site.said().get("said")), what="its word")
    (why,) = {reason for step, _, reason in site.reports() if step == "refused"}
    assert str(why).startswith("not now: updates are off"), "a card may come"
    assert site.office.peer.calls(f"{METADATA}timestamp.json") == 0


@pytest.mark.parametrize("faulty", [UPDATES, f"{METADATA}timestamp.json", DOWNLOAD])
def test_a_server_that_asks_for_patience_gets_it(site: Site, faulty: str) -> None:
    site.offers(site.fleet.release("0.2.0", ARCHIVE))
    site.office.peer.always[faulty] = status(429, Retry_After="600")
    with running(site.settings):
        wait_until(lambda: site.office.peer.calls(faulty), 30, "the first question")
        wait_until(lambda: "status 429" in str(site.said().get("said")), 30, "its word")
        asked = site.office.peer.calls(faulty)
        deadline = time.monotonic() + 2.5
        wait_until(lambda: time.monotonic() > deadline, 5, "two intervals to pass")
        assert site.office.peer.calls(faulty) == asked


def test_an_answer_with_a_time_for_the_next_question_is_honoured(site: Site) -> None:
    site.office.peer.always[UPDATES] = answer(
        {"has_update": False, "current_version": "0.1.0", "message": "later", "retry_after": 600}
    )
    with running(site.settings):
        wait_until(lambda: "later" in str(site.said().get("said")), 30, "its word")
        deadline = time.monotonic() + 2.5
        wait_until(lambda: time.monotonic() > deadline, 5, "two intervals to pass")
        assert site.office.peer.calls(UPDATES) == 1


def test_a_release_that_root_has_refused_is_not_fetched_again_but_for_a_passing_reason(site: Site) -> None:
    offer = site.fleet.release("0.2.0", ARCHIVE)
    site.offers(offer)
    site.told(step_of(offer, 1, "refused", "it is below the highest counter"))
    with running(site.settings):
        wait_until(lambda: "below the highest" in str(site.said().get("said")), 30, "its word")
        assert site.office.peer.calls(DOWNLOAD) == 0
        refused = ("refused", "0.2.0", "it is below the highest counter")
        wait_until(lambda: site.reports().count(refused) > 1, 30, "the offer to be answered by the same reason")
        site.told(step_of(offer, 2, "refused", "not now: the disk is full"))
        wait_until((site.runtime / "update").exists, 60, "it to be handed over")


def test_a_release_that_root_has_refused_is_looked_at_again_once_another_one_runs(site: Site) -> None:
    """It may have been taken too early: a release that it follows had to come first."""
    offer = site.fleet.release("0.3.0", ARCHIVE)
    between = site.fleet.release("0.2.0", ARCHIVE[:1000], counter=1)
    site.offers(offer)
    too_early = "release counter 1 has to be taken first; this device is at 0"
    site.told(step_of(offer, 1, "refused", too_early), step_of(between, 2, "committed", ""))
    with running(site.settings):
        wait_until((site.runtime / "update").exists, 60, "it to be handed over")


def test_a_trial_whose_end_was_never_told_is_waited_for_no_longer_than_a_day(site: Site) -> None:
    """The disk has lost what root had written down of it; where it goes on all the same, the switcher says so."""
    offer, former = site.fleet.release("0.3.0", ARCHIVE), site.fleet.release("0.2.0", ARCHIVE[:1000], counter=1)
    site.offers(offer)
    begun = time.gmtime(time.time() - 3600)
    site.told(step_of(former, 1, "trial") | {"time": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", begun)})
    with running(site.settings):
        wait_until(lambda: "0.2.0 is on trial" in str(site.said().get("said")), 30, "its word")
        assert site.office.peer.calls(DOWNLOAD) == 0
        site.told(step_of(former, 1, "trial") | {"time": "2026-01-01T00:00:00.000Z"})
        wait_until((site.runtime / "update").exists, 60, "it to be handed over")


def test_a_machine_that_has_no_room_for_a_thread_just_now_tries_again_later(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.offers(site.fleet.release("0.2.0", ARCHIVE))

    def fail(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(child, "fetch", fail)
    with running(site.settings):
        wait_until(lambda: "can't start new thread" in str(site.said().get("said")), 30, "its word")


def test_a_release_that_has_failed_twice_is_left_alone(site: Site) -> None:
    offer = site.fleet.release("0.2.0", ARCHIVE)
    site.offers(offer)
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    failed = [step_of(offer, number, "rolled_back", "it hung") | {"time": now} for number in (1, 2)]
    site.told(*failed)
    with running(site.settings):
        wait_until(lambda: "has failed here 2 times (it hung)" in str(site.said().get("said")), 30, "its word")
        wait_until(lambda: "refused" in site.steps(), 30, "the server to hear why")
    (why,) = {reason for step, _, reason in site.reports() if step == "refused"}
    assert str(why).startswith("not now: it has failed here 2 times (it hung)")
    assert site.office.peer.calls(DOWNLOAD) == 0
    assert list(site.runtime.iterdir()) == []


def registered(site: Site) -> list[str]:
    """The command line of a person on this device, once it is registered."""
    wait_until((site.settings.agent_folder / "registration.json").exists, what="it is registered")
    config = site.settings.state.parent / "pi.json"
    config.write_text(json.dumps({"fleet_card": str(site.settings.fleet_card), "device_id": DEVICE}))
    words = ["check-update", "--state", str(site.settings.state), "--config", str(config)]
    return [sys.executable, "-m", "pi_auto.client.cli", *words]


def test_a_person_who_asks_for_an_update_sees_each_step_of_it(site: Site) -> None:
    offer = site.fleet.release("0.2.0", ARCHIVE)
    site.office.peer.always[UPDATES] = answer({"has_update": False, "current_version": "0.1.0", "message": ""})
    with running(replace(site.settings, update_interval=86400)):
        command = registered(site)
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
        assert (done.returncode, done.stdout.count("no update: version")) == (0, 1), done
        wait_until(lambda: "no update: version" in str(site.said().get("said")), 30, "the agent says so too")
        site.offers(offer)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as asked:
            wait_until((site.runtime / "update").exists, 60, "the switcher to be woken")
            assert asked.stdout is not None
            said = ""
            while not any(words in said for words in ("is verified; ", "is handed over", "downloading 0.2.0")):
                line = asked.stdout.readline()
                assert line, said
                said += line
            site.told(step_of(offer, 1, "trial"))
            site.told(step_of(offer, 1, "trial"), step_of(offer, 2, "committed"))
            said += asked.communicate(timeout=30)[0]
    assert asked.returncode == 0, said
    lines = said.splitlines()
    assert lines[0] == "update 0.2.0 is offered"
    assert lines[-1] == "update 0.2.0: committed"
    assert "update 0.2.0: trial" in lines


def test_a_person_is_told_where_updates_are_off(site: Site) -> None:
    card = json.loads(site.settings.fleet_card.read_bytes())
    del card["update_root"]
    site.settings.fleet_card.write_text(json.dumps(card))
    site.offers(site.fleet.release("0.2.0", ARCHIVE))
    with running(replace(site.settings, update_interval=86400)):
        done = subprocess.run(registered(site), check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "updates are off: this device knows no update root" in done.stdout
