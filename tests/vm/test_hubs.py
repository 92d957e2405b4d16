"""The fleet moves to another hub: the Pi follows, nobody touches it, and every scan arrives by both ways."""

from __future__ import annotations

from support.vm.appliance import AGENT, CAPTURE, Appliance
from support.vm.figures import Figures
from support.waiting import wait_until

_STARTED = f"systemctl show --property=MainPID,ActiveEnterTimestampMonotonic {AGENT} {CAPTURE}"


def test_a_connection_string_of_another_hub_needs_no_restart_and_loses_nothing(
    pi: Appliance, figures: Figures
) -> None:
    pi.have_scanner()
    pi.wait_until_all_is_there()
    started = pi.machine.run(_STARTED)
    mark = pi.journal.mark()
    former = pi.site.set_hub_aside()
    scanned = [pi.scan() for _ in range(5)]  # while there is neither hub nor server
    former.start()
    try:
        pi.journal.wait_for("rejects this device", mark, unit=AGENT, timeout=300 * pi.machine.slow)
        scanned += [pi.scan() for _ in range(5)]  # while the former hub turns it away
        pi.site.start_with_another_hub()
        scanned += [pi.scan() for _ in range(5)]
        arrived = pi.site.wait_for(*scanned, timeout=300 * pi.machine.slow)
    finally:
        former.kill()
    assert [scan["text"] for scan in arrived] == scanned
    pi.wait_until_all_is_there()
    assert pi.machine.run(_STARTED) == started
    wait_until(pi.services_run, 30, "both services still run")
    figures.add("scans across a change of hubs that arrived by both ways", len(arrived), "", str(len(scanned)))
