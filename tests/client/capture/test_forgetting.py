"""A keyboard that was taken for a scanner by error: once that is forgotten its person's typing is sent no more."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Thread

import pytest

from pi_auto.client.bulletin import Bulletin, posts_in
from pi_auto.client.capture import lookout as looking
from pi_auto.client.capture.finding.census import look_around
from pi_auto.client.capture.guarding import GUARD
from pi_auto.client.capture.inbox import Inbox
from pi_auto.client.capture.learning.facts import Facts
from pi_auto.client.capture.learning.knowledge import Knowledge
from pi_auto.client.capture.learning.learned import Learned
from pi_auto.client.capture.lookout import Lookout
from pi_auto.client.capture.reading import Reader
from pi_auto.client.capture.roll import Roll
from pi_auto.client.clock import boottime_ns, system_clock
from pi_auto.client.scanner_settings import FILE
from pi_auto.client.spool.doorbell import WANTED, ring
from pi_auto.client.spool.drafts import ScanDraft
from pi_auto.files import write_whole
from pi_auto.wire.scanner_settings import SCANNER, SCANNERS, key_of
from support.keys import MS, Fifo, typed
from support.sysfs import Sys
from support.waiting import wait_until

ID = "usb-Maker_Keyboard_1"


class Desk:
    """Capture without its clerk; the keyboard that is plugged in was learned to be a scanner."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.capture, self.agent = folder / "capture", folder / "agent"
        self.capture.mkdir()
        self.agent.mkdir()
        Learned(self.capture).keep(ID, Facts(kind=SCANNER))
        machine = Sys(folder)
        self.keyboard = Fifo(
            Path(machine.keyboard(machine.plug_in(maker="Maker", name="Keyboard", serial="1"), "Keyboard"))
        )
        monkeypatch.setattr(looking, "look_around", partial(look_around, machine.sysfs, machine.devices))
        self._inbox, self._scans = Inbox(), list[str]()
        self._stopped, self._stop = os.pipe()
        known = Knowledge(self.capture, self.agent, pytest.fail)
        lookout = Lookout(None, self._inbox, lambda: None, known, Roll(Bulletin(self.capture)))
        reader = Reader(self._inbox, system_clock(), self._stopped, lookout)
        self._reads = Thread(target=reader.run)
        self._reads.start()
        lookout.begin(reader, lambda: None)

    def type(self, text: str, gap: int) -> None:
        """So many milliseconds a key, and late enough after the opening to begin a code."""
        self.keyboard.send(typed(text, boottime_ns() + GUARD, gap=gap * MS))

    def wait_for(self, standing: str) -> None:
        def stands() -> bool:
            post = posts_in(self.capture).get("scanners")
            return bool(post and post.news and post.news[0]["standing"] == standing)

        wait_until(stands, what=f"the keyboard is {standing}")

    def scans(self) -> list[str]:
        self._scans += [each.text for each in self._inbox.take(100, 0)[0] if isinstance(each, ScanDraft)]
        return self._scans

    def close(self) -> None:
        os.write(self._stop, b"!")
        self._reads.join(5)
        os.close(self._stopped)
        os.close(self._stop)
        self.keyboard.close()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    desk = Desk(tmp_path, monkeypatch)
    yield desk
    desk.close()


def set_by_person(desk: Desk, settings: dict[str, str]) -> None:
    write_whole(desk.capture / FILE, json.dumps({SCANNERS: {key_of(ID): settings}}))


def set_by_fleet(desk: Desk, settings: dict[str, str]) -> None:
    Bulletin(desk.agent).post("wanted", {SCANNERS: {key_of(ID): settings}})
    ring(desk.capture / WANTED)


@pytest.mark.parametrize("set_", [set_by_person, set_by_fleet])
def test_once_it_is_forgotten_it_is_judged_anew_and_what_its_person_types_is_sent_no_more(
    desk: Desk, set_: Callable[[Desk, dict[str, str]], None]
) -> None:
    desk.wait_for("scanner")
    desk.type("typed by error", 2)
    wait_until(lambda: desk.scans() == ["typed by error"], what="it is taken for a scan")
    set_(desk, {"forget": "a word"})
    desk.wait_for("unjudged")
    desk.type("my password", 120)
    desk.wait_for("person")
    assert desk.scans() == ["typed by error"]


def test_once_nobody_says_any_more_that_it_is_a_scanner_it_is_judged_too(desk: Desk) -> None:
    desk.wait_for("scanner")
    set_by_person(desk, {"kind": "scanner", "forget": "a word"})
    wait_until(lambda: '"kind"' not in (desk.capture / "learned.json").read_text(), what="it is forgotten")
    desk.wait_for("scanner")
    set_by_person(desk, {"forget": "a word"})
    desk.wait_for("unjudged")


def test_a_setting_that_leaves_it_a_scanner_does_not_close_it(desk: Desk) -> None:
    desk.wait_for("scanner")
    set_by_person(desk, {"layout": "de"})
    wait_until(lambda: "de" in str(posts_in(desk.capture)["scanners"].news), what="it holds")
    desk.type("ONE", 2)
    wait_until(lambda: desk.scans() == ["ONE"], what="it is read on, from its first code")


def test_a_keyboard_that_is_set_to_be_a_persons_is_let_go_of_at_once(desk: Desk) -> None:
    desk.wait_for("scanner")
    set_by_fleet(desk, {"kind": "keyboard"})
    desk.wait_for("person")
    assert desk.scans() == []


def test_one_that_is_not_judged_yet_and_is_set_to_be_a_scanner_is_one_at_once(desk: Desk) -> None:
    """However slowly it types: nothing of its first code is taken for a person's."""
    desk.wait_for("scanner")
    set_by_person(desk, {"forget": "a word"})
    desk.wait_for("unjudged")
    set_by_person(desk, {"forget": "a word", "kind": "scanner"})
    desk.wait_for("scanner")
    desk.type("SLOW", 200)
    wait_until(lambda: desk.scans() == ["SLOW"], what="it is a scan")


def test_a_scanner_that_was_taken_for_a_keyboard_is_judged_anew_once_that_is_forgotten(desk: Desk) -> None:
    """Without being unplugged: what it types next, as scanners type, is a scan."""
    set_by_person(desk, {"forget": "a word"})
    desk.wait_for("unjudged")
    desk.type("slow", 120)
    desk.wait_for("person")

    set_by_person(desk, {"forget": "another word"})
    desk.wait_for("unjudged")
    desk.type("4006381333931\n", 2)
    desk.wait_for("scanner")
    wait_until(lambda: desk.scans() == ["4006381333931"], what="it is a scan")


def test_a_keyboard_that_is_set_to_be_a_persons_no_more_is_judged_anew(desk: Desk) -> None:
    set_by_person(desk, {"forget": "a word", "kind": "keyboard"})
    desk.wait_for("person")

    set_by_person(desk, {"forget": "a word"})
    desk.wait_for("unjudged")
    desk.type("slow", 120)
    desk.wait_for("person")
    set_by_person(desk, {"forget": "a word", "kind": "scanner"})  # and what its person typed is nobody's scan
    desk.wait_for("scanner")
    assert desk.scans() == []
