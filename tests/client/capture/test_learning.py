"""What a running capture learns of its scanner, and how it follows what is set: each code by the right layout."""

from __future__ import annotations

import json
from typing import Any

from pi_auto.client.bulletin import Bulletin, posts_in
from pi_auto.client.capture.guarding import GUARD
from pi_auto.client.capture.keys.layout import load
from pi_auto.client.capture.learning.facts import NEW_FOR
from pi_auto.client.capture.learning.learned import FILE as LEARNED
from pi_auto.client.clock import boottime_ns
from pi_auto.client.scanner_settings import FILE
from pi_auto.client.spool.doorbell import WANTED, ring
from pi_auto.files import write_whole
from pi_auto.sheet.calibration_text import TEXT
from pi_auto.simulator.wedge import Wedge
from pi_auto.wire.scan import Incident
from pi_auto.wire.scanner_settings import SCANNERS, key_of
from support.captures import Bench
from support.spools import held, texts
from support.waiting import wait_until

ID = "fifo:scanner"
LABEL = "A1-/:z"


def scan(bench: Bench, text: str, layout: str) -> None:
    """By a scanner that is set to that layout."""
    bench.fifo.send(Wedge(load(layout)).events(text, boottime_ns()))


def told(bench: Bench) -> dict[str, Any]:
    """What capture tells of its scanner."""
    post = posts_in(bench.folder).get("scanners")
    return dict(post.news[0]) if post and post.news else {}


def codes_left(bench: Bench) -> int | None:
    """For how many codes its scanner is new, by what is on the disk; None if it is new no more."""
    file = bench.folder / LEARNED
    codes = json.loads(file.read_text())["scanners"][ID].get("codes") if file.exists() else 0
    return None if codes is None else NEW_FOR - codes


def set_by_person(bench: Bench, **settings: str) -> None:
    write_whole(bench.folder / FILE, json.dumps({SCANNERS: {key_of(ID): settings}}))


def wait_for_layout(bench: Bench, layout: str, by: str | None) -> None:
    wait_until(
        lambda: (told(bench).get("layout"), told(bench).get("layout_by")) == (layout, by),
        what=f"the layout is {layout} by {by}",
    )


def test_a_new_scanner_learns_its_layout_from_the_calibration_code_and_keeps_it(bench: Bench) -> None:
    with bench.capture() as capture:
        scan(bench, TEXT, "fr")
        wait_for_layout(bench, "fr", "learned")
        scan(bench, LABEL, "fr")
        capture.wait_for_scans(1)
        assert capture.stop() == 0
    with bench.capture() as capture:
        scan(bench, f"{LABEL}2", "fr")
        capture.wait_for_scans(1)
    assert texts(held(bench.folder)) == [LABEL, f"{LABEL}2"]
    (incident,) = [each for each in held(bench.folder) if isinstance(each, Incident)]
    assert (incident.type, incident.reason.rsplit(" ", 1)[1]) == ("scanner_calibrated", "fr")


def test_once_it_is_new_no_more_the_calibration_code_is_a_code_until_it_is_armed(bench: Bench) -> None:
    with bench.capture() as capture:
        for number in range(NEW_FOR):
            scan(bench, f"CODE {number}", "us")
        capture.wait_for_scans(NEW_FOR)
        wait_until(lambda: "calibrates" not in told(bench), what="it is new no more")
        scan(bench, TEXT, "us")
        capture.wait_for_scans(NEW_FOR + 1)
        set_by_person(bench, calibration="a word")
        wait_until(lambda: told(bench).get("calibrates"), what="it is armed")
        scan(bench, TEXT, "de")
        wait_for_layout(bench, "de", "learned")
        assert "calibrates" not in told(bench)
        scan(bench, "zebra", "de")
        capture.wait_for_scans(NEW_FOR + 2)
    assert texts(held(bench.folder))[-2:] == [TEXT, "zebra"]


def test_a_scanner_is_new_for_ten_codes_whenever_they_are_read(bench: Bench) -> None:
    """It is tried out, the power goes, and the sheet is printed the next day."""
    for left in (1, None):
        with bench.capture() as capture:
            assert told(bench)["calibrates"]
            for number in range(NEW_FOR - 1 if left else 1):
                scan(bench, f"CODE {number}", "us")
            wait_until(lambda: codes_left(bench) == left, what="its codes are counted")  # noqa: B023
            assert capture.stop() == 0
    with bench.capture() as capture:
        scan(bench, TEXT, "us")
        capture.wait_for_scans(1)
    assert texts(held(bench.folder))[-1] == TEXT


def test_what_the_fleet_sets_holds_until_it_is_taken_back(bench: Bench) -> None:
    (bench.state / "agent").mkdir(parents=True)
    agent = Bulletin(bench.state / "agent")
    with bench.capture() as capture:
        scan(bench, TEXT, "fr")
        wait_for_layout(bench, "fr", "learned")
        agent.post("wanted", {SCANNERS: {key_of(ID): {"layout": "de"}}})
        ring(bench.folder / WANTED)
        wait_for_layout(bench, "de", "fleet")
        scan(bench, "zy", "de")
        capture.wait_for_scans(1)
        agent.post("wanted", {})
        ring(bench.folder / WANTED)
        wait_for_layout(bench, "fr", "learned")
        scan(bench, "zy", "fr")
        capture.wait_for_scans(2)
    assert texts(held(bench.folder)) == ["zy", "zy"]


def test_what_was_learned_can_be_forgotten(bench: Bench) -> None:
    with bench.capture() as capture:
        scan(bench, TEXT, "fr")
        wait_for_layout(bench, "fr", "learned")
        set_by_person(bench, forget="a word")
        wait_for_layout(bench, "us", None)
        scan(bench, LABEL, "us")
        capture.wait_for_scans(1)
        scan(bench, TEXT, "de")  # calibrated anew, unasked
        wait_for_layout(bench, "de", "learned")
    assert texts(held(bench.folder)) == [LABEL]


def test_after_a_restart_a_hiccup_in_the_first_code_does_not_cut_it(bench: Bench) -> None:
    """That it ends its codes by Enter is known from before, so 200 ms of silence end none."""
    with bench.capture() as capture:
        scan(bench, "FIRST", "us")
        capture.wait_for_scans(1)
        assert capture.stop() == 0
    with bench.capture() as capture:
        at = boottime_ns() + GUARD
        head, tail = Wedge(suffix=()).events("SECOND", at), Wedge().events("HALF", at + 12_000_000 + 200_000_000)
        bench.fifo.send([*head, *tail])
        capture.wait_for_scans(1)
    assert texts(held(bench.folder)) == ["FIRST", "SECONDHALF"]


def test_a_setting_that_cannot_be_used_is_told_and_scanning_goes_on(bench: Bench) -> None:
    with bench.capture() as capture:
        set_by_person(bench, layout="klingon")
        capture.said("scanners.fifo:scanner.layout is 'klingon'; allowed: one of us, gb")
        scan(bench, LABEL, "us")
        capture.wait_for_scans(1)
