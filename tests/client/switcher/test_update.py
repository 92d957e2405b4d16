"""An update from the handing over to its end: committed where it works, gone back from where it does not."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from pi_auto.client.agent.health.update import update_state
from support.update_box import QUICK, UpdateBox, release
from support.waiting import wait_until

GOOD = release("2.0.0", etc__unit="new\n", etc__added="added\n")


def test_a_release_that_works_is_committed_and_told(box: UpdateBox) -> None:
    box.services.runs_children = True
    box.offer(GOOD)
    box.update()
    assert box.steps() == ["verified", "trial", "committed"]
    assert box.version == "2.0.0"
    assert box.running() == {"2.0.0"}
    assert (box.opt / "previous").resolve().name == "1.0.0"
    assert (box.system("etc/unit"), box.system("etc/added")) == ("new\n", "added\n")
    assert box.leftovers() == []


def test_the_fleet_is_told_which_release_counter_a_device_is_at(box: UpdateBox) -> None:
    """Whoever knows it offers nothing that has to be refused for it."""
    box.offer(GOOD, counter=5, least_counter=3)
    box.update()
    assert "release counter 3 has to be taken first; this device is at 0" in box.told()[-1][1]
    said = update_state(box.agent.parent)
    assert said is not None
    assert (said["step"], said.get("counter")) == ("refused", None)
    box.offer(release("2.1.0"), "2.1.0", counter=6)
    box.update()
    said = update_state(box.agent.parent)
    assert said is not None
    assert (said["step"], said["counter"]) == ("committed", 6)


FAULTS: dict[str, tuple[dict[str, Any], str, bool]] = {
    "an agent that crashes": ({"agent": "crash"}, "NameError", True),
    "a capture that crashes": ({"capture": "crash"}, "NameError", True),
    "an agent that hangs": ({"agent": "hang"}, "tells nothing", True),
    "a capture that opens no scanner": ({"capture": "no scanner"}, "no scanner can be opened", True),
    "a capture that stores nothing": ({"capture": "no room"}, "nothing can be stored", True),
    "an agent that reads no queue": ({"undelivered": None}, "the queue is not read", True),
    "an agent that reaches no server": ({"agent": "out of reach"}, "no route to host", False),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_release_with_a_fault_is_gone_back_from_with_the_true_reason(box: UpdateBox, fault: str) -> None:
    behaviour, reason, blamed = FAULTS[fault]
    box.services.runs_children = "queue" in reason
    bad = release("2.0.0", behaviour, etc__unit="new\n", etc__added="added\n")
    box.offer(bad)
    box.update()
    assert box.steps() == ["verified", "trial", "rolled_back"]
    assert reason in box.told()[-1][1]
    assert (box.version, box.running()) == ("1.0.0", {"1.0.0"})
    assert (box.system("etc/unit"), box.system("etc/added")) == ("former\n", None)
    assert box.leftovers() == []
    box.offer(bad)
    box.update()
    again = box.told()[-1]
    assert again[0] == ("refused" if blamed else "rolled_back")
    assert not blamed or "failed here before" in again[1]


def test_a_release_that_fails_its_self_test_is_never_switched_to_and_never_tried_again(box: UpdateBox) -> None:
    box.services.runs_children = True
    bad = release("2.0.0", {"self-test": 3})
    box.offer(bad)
    box.update()
    box.offer(bad)
    box.update()
    assert box.steps() == ["verified", "refused"] * 2
    assert "self-test as pi-auto has failed: exit code 3" in box.told()[1][1]
    assert box.running() == {"1.0.0"}


def test_a_network_that_was_down_before_tells_nothing_against_a_release(box: UpdateBox) -> None:
    box.become("agent", "out of reach")
    box.offer(release("2.0.0", {"agent": "out of reach"}))
    update = box.updating()
    wait_until(lambda: box.trial_age() > 2 * QUICK.deadline)
    assert box.steps() == ["verified", "trial"]
    box.become("agent", "well")
    assert update.ended() == 0
    assert box.steps() == ["verified", "trial", "committed"]


def test_boots_count_against_a_release_only_until_it_has_worked(box: UpdateBox) -> None:
    box.become("agent", "out of reach")
    box.offer(release("2.0.0", {"agent": "out of reach"}))
    update = box.updating()
    for boots in range(1, 6):
        wait_until(lambda: box.trial().get("started") and box.trial()["tries"] == 0, what=f"{boots}: it works")
        update.kill()
        box.boot()
        assert box.trial()["tries"] == 1
        update = box.updating()
    box.become("agent", "well")
    assert update.ended() == 0
    assert (box.version, box.steps()[-1]) == ("2.0.0", "committed")


def test_a_release_that_does_not_come_up_is_gone_back_from_at_the_third_boot(box: UpdateBox) -> None:
    bad = release("2.0.0", {"agent": "hang"}, etc__unit="new\n")
    for never in (False, True):
        box.offer(bad)
        update = box.updating()
        wait_until(lambda: box.trial().get("started"))
        update.kill()
        versions = []
        for _ in range(3):
            box.boot()
            versions.append(box.version)
        assert versions == ["2.0.0", "2.0.0", "1.0.0"]
        assert [place.name for place in (box.opt / "releases").iterdir()] == ["1.0.0"]
        assert box.running() == {"1.0.0"}
        assert box.system("etc/unit") == "former\n"
        assert box.told()[-1] == ("rolled_back", "it did not come to work in 3 starts")
        box.offer(bad)
        ledger = json.loads((box.site.own / "ledger.json").read_text())
        assert bool(ledger["never"]) is never, (
            "power cuts look the same: it is given a second chance, and no third"
        )
        shutil.rmtree(box.ready.parent)


def test_an_agent_that_asked_in_the_trial_and_has_taken_it_back_is_told_no_refusal(
    box: UpdateBox, caplog: pytest.LogCaptureFixture
) -> None:
    box.offer(release("2.0.0"))
    box.update()
    box.ask()
    shutil.rmtree(box.ready)
    caplog.clear()
    box.update()
    assert box.steps() == ["verified", "trial", "committed"]
    assert caplog.messages == []
