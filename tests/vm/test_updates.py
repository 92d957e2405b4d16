"""Updates on a virtual Pi: signed releases, good and broken ones, while scans are typed and the power goes."""

from __future__ import annotations

import os
import random
import time

import pytest

from support.vm.cuts import Cut
from support.vm.faults import FAULTS, SYSTEM
from support.vm.figures import Figures
from support.vm.updated import ENDS, OPT, Updated
from support.waiting import over

_CUTS = {False: 3, True: 30}
_LASTS = {"": 8.0, "verified": 30.0, "trial": 30.0}  # seconds, about, from a step to the next one


def test_scans_go_on_through_an_update_and_none_is_lost_or_doubled(updated: Updated, figures: Figures) -> None:
    begun = time.monotonic()
    mark = updated.pi.journal.mark()
    capture, code = updated.capture, updated.capture_code
    version = updated.offer()
    typed: list[str] = []

    def has_ended() -> bool:
        time.sleep(0.5)
        return len(typed) % 5 == 0 and updated.newest(version) in ENDS

    typed += updated.pi.keep_scanning(has_ended, 420 * updated.machine.slow)
    figures.add("an update, with scans typed all along", time.monotonic() - begun, "s")
    assert [step["step"] for step in updated.told(version)] == ["verified", "trial", "committed"]
    assert updated.current == version
    same = updated.capture_code == code
    assert (updated.capture == capture) == same, "what is the same in both releases is not restarted"
    updated.pi.wait_until_all_is_there()
    stored = [each.text for each in updated.pi.stored(mark) if each.text in typed]
    assert stored == [text for text in typed if text in stored], "in the order in which they were typed"
    lost = updated.pi.unexcused(text for text in typed if text not in stored)
    told = updated.pi.journal.since(mark, text="scan_lost:")
    # On a busy emulator capture may be kept from reading for longer than the kernel has room for, and says so.
    assert told or not lost, f"lost without a word: {lost}"
    figures.add("codes typed meanwhile", len(typed), "")
    figures.add("of these, told as lost", len(lost), "", "0")


def test_the_power_may_go_at_any_moment_of_an_update(
    updated: Updated, figures: Figures, chance: random.Random, *, long: bool
) -> None:
    """Each time one good release runs and scans, and the update comes to its end by itself."""
    for number in range(int(os.environ.get("PI_AUTO_UPDATE_CUTS", _CUTS[long]))):
        step = list(_LASTS)[number % len(_LASTS)]
        cut = cut_one(updated, step, chance.uniform(0, _LASTS[step]))
        figures.rows.append(cut.to_json())
        print(f"cut {number + 1}: {cut}")


def cut_one(updated: Updated, step: str, later: float) -> Cut:
    """Hand a release over, scan, and cut the power so many seconds after a step was told; what came of it."""
    pi, former = updated.pi, updated.current
    version, given = updated.offer(), time.monotonic()
    pi.keep_scanning(lambda: not step or updated.newest(version) in (step, *ENDS), timeout=900)
    pi.keep_scanning(over(later))
    updated.machine.pull_the_plug()
    begun, mark = time.monotonic(), pi.journal.mark()
    updated.machine.power_on()
    met = updated.newest(version)
    scans = pi.wait_for_scanner("kbd1", mark).at
    pi.wait_for_services()
    assert updated.current in (former, version)
    pi.site.wait_for(pi.scan())
    ended = updated.wait_for(version, "committed", "rolled_back")
    assert updated.current == (version if ended["step"] == "committed" else former)
    pi.wait_until_all_is_there()
    return Cut(begun - given, met, scans, str(ended["step"]), time.monotonic() - begun)


@pytest.mark.unhurried
def test_a_release_brings_system_files_and_going_back_by_hand_takes_them_away(updated: Updated) -> None:
    former, files = updated.current, updated.system_files()
    version = updated.offer(SYSTEM)
    updated.wait_for(version, "committed")
    for name in SYSTEM:
        assert updated.machine.status_of(f"sudo test -e /{name.removeprefix('appliance/system/')}")[0] == 0
    assert "weekly" in updated.machine.run("cat /etc/logrotate.d/pi-auto-client")
    assert updated.machine.run("systemctl is-enabled pi-auto-added.service") == "enabled"
    said = updated.machine.run("sudo /opt/pi-auto-client/update_client.sh --rollback", timeout=600)
    assert f"version {former} runs again" in said
    assert updated.system_files() == files
    updated.pi.wait_for_services()
    updated.pi.site.wait_for(updated.pi.scan())


@pytest.mark.unhurried
def test_a_server_that_is_cut_off_during_the_trial_blames_no_release(updated: Updated) -> None:
    former = updated.current
    version = updated.offer()
    updated.wait_for(version, "trial")
    updated.machine.network(on=False)
    try:
        ended = updated.wait_for(version, "rolled_back", "committed")
    finally:
        updated.machine.network(on=True)
    if ended["step"] == "rolled_back":
        assert "was reached" in ended["reason"]
        assert updated.current == former
        updated.offer_again()
        updated.wait_for(version, "committed")


@pytest.mark.unhurried
def test_a_disk_that_is_full_refuses_for_now_and_scanning_goes_on(updated: Updated) -> None:
    """Whoever made room may have the same release again."""
    former = updated.current
    free = int(updated.machine.run(f"df --output=avail -B1 {OPT} | tail -n 1"))
    updated.machine.run(f"sudo fallocate -l {free - 40 * 2**20} {OPT}/filler")
    try:
        version = updated.offer()
        assert "bytes are free" in updated.wait_for(version, "refused")["reason"]
        updated.pi.site.wait_for(updated.pi.scan())
        assert updated.current == former
    finally:
        updated.machine.run(f"sudo rm -f {OPT}/filler")
    updated.offer_again()
    updated.wait_for(version, "committed")


@pytest.mark.unhurried
@pytest.mark.parametrize("name", FAULTS)
def test_a_release_with_a_fault_is_gone_back_from(updated: Updated, figures: Figures, name: str) -> None:
    """In its time, with the true reason, wholly; and it is not tried again where the release is to blame."""
    fault = FAULTS[name]
    former, files = updated.current, updated.system_files()
    begun = time.monotonic()
    version = updated.offer(fault.changes | SYSTEM)
    ended = updated.wait_for(version, *ENDS)
    figures.add(f"{name}: all is as before after", time.monotonic() - begun, "s")
    assert (ended["step"], fault.reason in ended["reason"]) == (fault.end, True), ended
    assert updated.current == former
    assert updated.system_files() == files
    updated.pi.wait_for_services()
    updated.pi.site.wait_for(updated.pi.scan())
    if fault.blames:
        updated.offer_again()
        updated.wait_for_reason(version, "failed here before")
