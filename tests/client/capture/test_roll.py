"""What capture tells of its devices: who is open, who was let go of, what could not be opened."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pi_auto.client.bulletin import Bulletin, posts_in
from pi_auto.client.capture.finding.census import look_around
from pi_auto.client.capture.inbox import Inbox
from pi_auto.client.capture.judge import Verdict
from pi_auto.client.capture.lookout import Lookout
from pi_auto.client.capture.notices import Gone
from pi_auto.client.capture.roll import Roll
from pi_auto.client.capture.sources.keyboard import KeyboardSource
from pi_auto.client.capture.sources.source import Source
from support.lookouts import Takes, knowledge
from support.sysfs import Sys
from support.waiting import wait_until

Plug = Callable[..., KeyboardSource]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Capture's."""
    made = tmp_path / "capture"
    made.mkdir()
    return made


@pytest.fixture
def roll(folder: Path) -> Roll:
    return Roll(Bulletin(folder))


@pytest.fixture
def plug(tmp_path: Path, roll: Roll, folder: Path) -> Iterator[Plug]:
    """Plugs a device in; one that is not `known` is to be judged."""
    sources: list[KeyboardSource] = []

    def plug_in(name: str, *, known: bool = True) -> KeyboardSource:
        os.mkfifo(tmp_path / name)
        sources.append(KeyboardSource(tmp_path / name, known=None if known else knowledge(folder)))
        roll.opened(sources[-1])
        return sources[-1]

    yield plug_in
    for source in sources:
        source.close()


def look(roll: Roll, folder: Path, topic: str = "scanners") -> Any:
    """What is told after the lookout has looked once more."""
    roll.begin_look()
    roll.post()
    return posts_in(folder)[topic].news


def standings(roll: Roll, folder: Path) -> list[tuple[str, str]]:
    return [(one["id"], one["standing"]) for one in look(roll, folder)]


def test_where_nothing_is_plugged_in_that_is_told(roll: Roll, folder: Path) -> None:
    assert look(roll, folder) == []
    assert look(roll, folder, "troubles") == {}


def test_all_open_devices_are_told_with_what_they_are(roll: Roll, folder: Path, plug: Plug) -> None:
    scanner, _ = plug("a"), plug("b", known=False)
    assert standings(roll, folder) == [("fifo:a", "scanner"), ("fifo:b", "unjudged")]
    assert look(roll, folder)[0] == {
        "id": "fifo:a",
        "name": "virtual scanner",
        "port": str(scanner.path),
        "path": str(scanner.path),
        "standing": "scanner",
    }


def test_a_keyboard_that_turned_out_to_be_a_scanner_is_one(roll: Roll, folder: Path, plug: Plug) -> None:
    keyboard = plug("a", known=False)
    assert roll.judged(keyboard.path, Verdict.SCANNER) is keyboard
    assert standings(roll, folder) == [("fifo:a", "scanner")]
    assert roll.judged(keyboard.path, Verdict.SCANNER) is None


def test_a_persons_keyboard_is_told_as_long_as_it_is_plugged_in(roll: Roll, folder: Path, plug: Plug) -> None:
    keyboard = plug("a", known=False)
    roll.judged(keyboard.path, Verdict.PERSON)
    assert standings(roll, folder) == [("fifo:a", "person")]
    assert keyboard.path not in roll
    assert roll.is_a_persons(keyboard.path)
    keyboard.path.unlink()
    assert standings(roll, folder) == []
    os.mkfifo(keyboard.path)  # plugged in again: somebody else's, for all that is known
    assert not roll.is_a_persons(keyboard.path)


def test_what_has_gone_is_not_told_any_more(roll: Roll, folder: Path, plug: Plug) -> None:
    roll.gone(plug("a").path)
    keyboard = plug("b", known=False)
    roll.gone(keyboard.path)
    assert standings(roll, folder) == []
    assert roll.judged(keyboard.path, Verdict.PERSON) is None


def test_what_is_not_opened_is_told_for_what_it_is(roll: Roll, folder: Path, tmp_path: Path) -> None:
    machine = Sys(tmp_path)
    snapi = machine.hidraw(machine.plug_in("1-1", "05e0:1900", "Symbol", "Scanner"), b"")
    gps = machine.line(machine.plug_in("1-2", "1546:01a7", "u-blox", "GPS"))
    roll.not_opened(look_around(machine.sysfs, machine.devices))
    roll.post()
    first, second = posts_in(folder)["scanners"].news
    assert (first["path"], first["standing"], first["id"]) == (snapi, "mute", "usb-Symbol_Scanner")
    assert ("SNAPI" in first["said"], "`HID Keyboard Emulation`" in first["do"]) == (True, True)
    assert (second["path"], second["standing"], second["name"]) == (gps, "unknown", "u-blox GPS")


def test_a_trouble_is_told_until_the_next_look_finds_none(roll: Roll, folder: Path) -> None:
    roll.begin_look()
    roll.trouble(Path("/dev/input/event3"), "cannot be opened: Permission denied")
    roll.post()
    assert posts_in(folder)["troubles"].news == {"/dev/input/event3": "cannot be opened: Permission denied"}
    assert look(roll, folder, "troubles") == {}


@pytest.fixture
def sources() -> Iterator[list[Source]]:
    """What a reader would have adopted."""
    adopted: list[Source] = []
    yield adopted
    for source in adopted:
        source.close()


def told(folder: Path, topic: str) -> Any:
    post = posts_in(folder).get(topic)
    return post.news if post else None


def test_the_lookout_tells_what_it_opens_what_goes_and_what_it_cannot_open(
    tmp_path: Path, folder: Path, roll: Roll, sources: list[Source]
) -> None:
    device = tmp_path / "event3"
    device.symlink_to(device)  # which nobody can open
    lookout = Lookout(device, Inbox(), lambda: None, knowledge(folder), roll)
    lookout.begin(Takes(sources.append), lambda: None)
    sentence = {str(device): "cannot be opened: Too many levels of symbolic links"}
    wait_until(lambda: told(folder, "troubles") == sentence, what="the trouble")
    assert told(folder, "scanners") == []
    device.unlink()
    os.mkfifo(device)
    wait_until(lambda: told(folder, "scanners"), what="the scanner")
    assert told(folder, "scanners")[0]["path"] == str(device)
    wait_until(lambda: told(folder, "troubles") == {}, what="the trouble to be over")
    device.unlink()
    lookout.note(Gone(device))
    wait_until(lambda: told(folder, "scanners") == [], what="it to be gone")
    wait_until(lambda: told(folder, "troubles") == {str(device): "is not plugged in"}, what="the word that it is")
