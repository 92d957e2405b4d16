"""Scanners come and go: another port, a second one, both at once."""

from __future__ import annotations

import threading

import pytest

from support.vm.appliance import Appliance, fresh_code
from support.vm.figures import Figures
from support.vm.journal import Entry

pytestmark = pytest.mark.everywhere
WORKS_WITHIN = 2.0  # seconds from the kernel's seeing it to capture's having it
IN_EMULATION = 2 * WORKS_WITHIN  # on a busy machine


def seconds_to_work(pi: Appliance, mark: int, opened: Entry) -> float:
    seen = pi.journal.wait_for("new high-speed USB device", mark, unit="kernel")
    return opened.at - seen.at


def test_it_works_at_another_port(pi: Appliance, figures: Figures) -> None:
    pi.have_scanner()
    taken = []
    for port in (3, 2, 4):
        pi.machine.unplug()
        mark = pi.journal.mark()
        taken.append(seconds_to_work(pi, mark, pi.plug_in(port=port)))
        pi.site.wait_for(pi.scan())
    figures.spread("replugged scanner works after", taken, "s", f"{WORKS_WITHIN:g}")
    assert max(taken) <= IN_EMULATION * pi.machine.slow


def test_a_second_scanner_works_beside_the_first(pi: Appliance, figures: Figures) -> None:
    pi.have_scanner()
    mark = pi.journal.mark()
    taken = seconds_to_work(pi, mark, pi.plug_in("kbd2"))
    figures.add("second scanner works after", taken, "s", f"{WORKS_WITHIN:g}")
    pi.site.wait_for(pi.scan(on="kbd2"), pi.scan(on="kbd1"))
    assert taken <= IN_EMULATION * pi.machine.slow


def test_two_that_scan_at_once_are_never_mixed_up(pi: Appliance) -> None:
    pi.have_scanner("kbd1")
    pi.have_scanner("kbd2")
    mark = pi.journal.mark()
    codes = {name: [fresh_code() for _ in range(5)] for name in ("kbd1", "kbd2")}

    def scan_all(name: str) -> None:
        for code in codes[name]:
            pi.type(code, on=name)

    hands = [threading.Thread(target=scan_all, args=(name,)) for name in codes]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    pi.journal.wait_until(
        lambda said: len([each for each in said if "stored:" in each.text or "scan_lost:" in each.text]) >= 10,
        mark, pi.patience, "all ten are stored or lost",
    )  # fmt: skip
    lines = pi.journal.since(mark, text="barcode stored:")
    of = {name: [line.text.split("text=")[1] for line in lines if f"rig-{name}" in line.text] for name in codes}
    for name, sent in codes.items():
        assert of[name] == [code for code in sent if code in of[name]]
    pi.wait_until_all_is_there()
