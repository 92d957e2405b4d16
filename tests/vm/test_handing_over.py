"""Updates that change capture, on a virtual Pi: the next one takes over while codes are typed; none is lost."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from support.vm.appliance import CAPTURE
from support.vm.figures import Figures
from support.vm.updated import ENDS, OPT, STATE, Updated
from support.waiting import wait_until

_OCTETS = "pi_auto/client/capture/octets.py"
_TEXT = (Path(__file__).parents[2] / "src" / _OCTETS).read_text()
_EVERY = 0.5  # seconds from one code to the next


def _changed(number: int) -> dict[str, str]:
    """A release whose capture is another one, by a line."""
    return {_OCTETS: f"{_TEXT}\n# Release {number}.\n"}


def _typed_until(updated: Updated, is_over: Callable[[], bool]) -> tuple[list[str], list[str]]:
    """Codes typed until that is so: all of them, and those that were lost by no fault of the emulator's."""
    mark = updated.pi.journal.mark()
    typed: list[str] = []

    def has_ended() -> bool:
        time.sleep(_EVERY)
        return len(typed) % 5 == 0 and is_over()

    typed += updated.pi.keep_scanning(has_ended, 420 * updated.machine.slow)
    updated.pi.wait_until_all_is_there()
    stored = [each.text for each in updated.pi.stored(mark) if each.text in typed]
    assert stored == [text for text in typed if text in stored], "in the order in which they were typed"
    return typed, updated.pi.unexcused(text for text in typed if text not in stored)


def _gap(updated: Updated) -> float:
    """Milliseconds for which nobody read, as the successor tells it."""
    told = json.loads(updated.machine.run(f"sudo cat {STATE}/capture/bulletin.json"))["posts"]["succession"][
        "news"
    ]
    assert told["ok"], told
    return float(told["gap_ms"])


def _runs_from(updated: Updated) -> str:
    told = json.loads(updated.machine.run(f"sudo cat {STATE}/capture/bulletin.json"))["posts"]
    return str(told["release"]["news"])


def test_a_release_that_changes_capture_loses_no_code(updated: Updated, figures: Figures) -> None:
    capture = updated.capture
    version = updated.offer(_changed(1))
    typed, lost = _typed_until(updated, lambda: updated.newest(version) in ENDS)
    assert [step["step"] for step in updated.told(version)] == ["verified", "trial", "committed"]
    assert updated.capture != capture
    assert _runs_from(updated) == version
    assert lost == []
    figures.add("a changed capture takes over: nobody reads for", _gap(updated), "ms")
    figures.add("a changed capture takes over: codes typed meanwhile", len(typed), "")
    figures.add("of these, lost", len(lost), "", "0")


def test_going_back_by_hand_loses_no_code_either(updated: Updated, figures: Figures) -> None:
    former, capture = updated.current, updated.capture
    version = updated.offer(_changed(2))
    updated.wait_for(version, "committed")
    middle = updated.capture
    assert middle != capture
    updated.machine.run(f"sudo systemd-run --collect --unit=by-hand {OPT}/update_client.sh --rollback", timeout=60)
    typed, lost = _typed_until(updated, lambda: updated.current == former and updated.capture != middle)
    assert _runs_from(updated) == Path(updated.machine.run(f"readlink {OPT}/current").strip()).name
    assert lost == []
    figures.add("going back from a changed capture: nobody reads for", _gap(updated), "ms")
    figures.add("going back from a changed capture: codes typed, lost", len(lost), f"of {len(typed)}", "0")


def test_a_capture_that_crashes_at_its_start_never_gets_to_scan(updated: Updated, figures: Figures) -> None:
    former, capture = updated.current, updated.capture
    crash = "def run_capture(*_, **__):\n    raise SystemExit('no hands')\n"
    version = updated.offer({"pi_auto/client/capture/program.py": crash})
    typed, lost = _typed_until(updated, lambda: updated.newest(version) in ENDS)
    told = updated.told(version)[-1]
    assert told["step"] == "rolled_back"
    assert "could not take over, and the one before went on: the other capture has ended" in told["reason"]
    assert (updated.current, updated.capture) == (former, capture)
    assert lost == []
    updated.offer_again()
    updated.wait_for_reason(version, "no hands")  # offered once more it is restarted, and is to blame for good
    assert updated.current == former
    updated.offer_again()
    updated.wait_for_reason(version, "failed here before")
    figures.add("a capture that crashes is gone back from: codes typed, lost", len(lost), f"of {len(typed)}", "0")


def test_what_systemd_gives_a_capture_its_successor_has_too(updated: Updated) -> None:
    """Priority, sandbox, devices, and somebody who starts it again."""
    former = _standing(updated)
    capture = updated.capture
    updated.machine.run("sudo systemctl reload pi-auto-capture")
    wait_until(lambda: updated.capture != capture, 120 * updated.machine.slow, "it is taken over")
    assert _standing(updated) == former
    assert updated.machine.run("systemctl show --property=NRestarts --value pi-auto-capture").strip() == "0"
    updated.pi.site.wait_for(updated.pi.scan())
    mark = updated.pi.journal.mark()
    updated.machine.run(f"sudo kill -9 {updated.capture}")
    updated.pi.wait_for_scanner("kbd1", mark)
    assert updated.machine.run("systemctl show --property=NRestarts --value pi-auto-capture").strip() == "1"
    updated.pi.site.wait_for(updated.pi.scan())
    updated.machine.run("sudo systemctl reset-failed pi-auto-capture && sudo systemctl restart pi-auto-capture")


def test_the_power_may_go_while_it_is_taken_over(updated: Updated) -> None:
    updated.machine.run("sudo systemctl reload pi-auto-capture")
    updated.machine.pull_the_plug()
    mark = updated.pi.journal.mark()
    updated.machine.power_on()
    updated.pi.wait_for_scanner("kbd1", mark)
    updated.pi.wait_for_services()
    updated.pi.site.wait_for(updated.pi.scan())


def _standing(updated: Updated) -> str:
    """What the kernel tells of capture's process: how it reads, what it may, and in which group it is."""
    process = updated.capture
    status = r"grep -E '^(Uid|Gid|Groups|CapBnd|CapEff|NoNewPrivs|Seccomp|Seccomp_filters):' /proc/{0}/status"
    looks = (
        "sudo chrt -p {0} | sed 's/.*: //'", "sudo " + status,
        "cat /proc/{0}/cgroup", "cat /proc/{0}/oom_score_adj",
        "sudo readlink /proc/{0}/ns/mnt", "sudo readlink /proc/{0}/ns/net", "sudo ionice -p {0}",
        "sudo ls /proc/{0}/task | wc -l",
    )  # fmt: skip
    return updated.machine.run("; ".join(look.format(process) for look in looks)) + CAPTURE
