"""Without network everything is stored; with it again everything arrives, in order and once."""

from __future__ import annotations

from support.vm.appliance import Appliance
from support.vm.figures import Figures
from support.waiting import wait_until

SCANS = 50


def test_what_is_scanned_without_network_arrives_later_in_order(pi: Appliance, figures: Figures) -> None:
    pi.have_scanner()
    pi.wait_until_all_is_there()
    pi.machine.network(on=False)
    try:
        scanned = [pi.scan() for _ in range(SCANS)]
        assert not {scan["text"] for scan in pi.site.scans()} & set(scanned)
    finally:
        pi.machine.network(on=True)
    arrived = pi.site.wait_for(*scanned)
    assert [scan["text"] for scan in arrived] == scanned
    figures.add("scans made without network that arrived afterwards", len(arrived), "", str(SCANS))


def test_the_network_may_come_and_go_during_scans(pi: Appliance, *, long: bool) -> None:
    pi.have_scanner()
    for _ in range(10 if long else 2):
        pi.machine.network(on=False)
        pi.scan()
        pi.machine.network(on=True)
        pi.scan()
    pi.wait_until_all_is_there()


def test_nothing_of_ours_listens(pi: Appliance) -> None:
    listening = pi.machine.run("sudo ss -H -lntup")
    assert "sshd" in listening  # that it can be seen
    assert "python" not in listening
    wait_until(
        lambda: "python" in pi.machine.run("sudo ss -H -ntp state established"), 60, "the agent is connected"
    )
