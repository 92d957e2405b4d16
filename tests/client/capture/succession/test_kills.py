"""Either capture is killed at each step of a taking over: what was stored stays, once, and one scans on."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.successions import Succession, Typist, some, wait_until

_KILL = """
import os, signal
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
def around(place, name, *, before):
    former = getattr(place, name)
    def call(*arguments, **named):
        if before: die()
        try:
            return former(*arguments, **named)
        finally:
            die()
    setattr(place, name, call)
"""
_AT_WORD = """
from pi_auto.client.capture.succession.contract import Way
former = Way.say
def say(self, message, *rest):
    if {before} and {word!r} in message: die()
    former(self, message, *rest)
    if {word!r} in message: die()
Way.say = say
"""


def _at_word(word: str, *, before: bool) -> str:
    return _KILL + _AT_WORD.format(word=word, before=before)


def _at(place: str, name: str, *, before: bool) -> str:
    module, _, holder = place.partition(":")
    target = f"module.{holder}" if holder else "module"
    load = f"import importlib; module = importlib.import_module({module!r})"
    return f"{_KILL}\n{load}\naround({target}, {name!r}, before={before})\n"


_SUCCESSION = "pi_auto.client.capture.succession"
BEFORE_ITS_TURN = {
    "at its start": _KILL + "die()",
    "before it says that it is there": _at_word("contract", before=True),
    "after it has said that it is there": _at_word("contract", before=False),
    "while it prepares": _at("pi_auto.client.capture.lookout:Lookout", "prepare", before=True),
    "before it says that it is ready": _at_word("ready", before=True),
    "after it has said that it is ready": _at_word("ready", before=False),
}
IN_ITS_TURN = {
    "when it is told to go on": _at("pi_auto.client.capture.reading:Reader", "recall", before=True),
    "before it says that it reads": _at_word("reads", before=True),
}
AFTERWARDS = {
    "after it has said that it reads": _at_word("reads", before=False),
    "before it has the spool": _at(f"{_SUCCESSION}.heir", "wait_to_be_sole_writer", before=True),
    "when it has the spool": _at(f"{_SUCCESSION}.heir", "wait_to_be_sole_writer", before=False),
    "when it is alone": _at("pi_auto.client.bulletin:Bulletin", "put_up", before=False),
}
PREDECESSOR = {
    "before it tells of devices": _at_word("devices", before=True),
    "after it has told of devices": _at_word("devices", before=False),
    "before it says go": _at_word("go", before=True),
    "after it has said go": _at_word("go", before=False),
    "before it tells systemd": _at("pi_auto.client.notify:Manager", "replaced_by", before=True),
    "after it has told systemd": _at("pi_auto.client.notify:Manager", "replaced_by", before=False),
    "before it lets go of the spool": _at("pi_auto.client.capture.clerk:Clerk", "join", before=True),
    "after it has stored all": _at("pi_auto.client.capture.clerk:Clerk", "join", before=False),
    "when it takes leave": _at(f"{_SUCCESSION}.predecessor:Predecessor", "take_leave", before=True),
}


def _reload_and_fail(house: Succession) -> None:
    house.manager.reload()
    wait_until(lambda: house.told.get("tries") == 1, what=f"it was in vain: {house.manager.log}")


@pytest.mark.parametrize("step", some(BEFORE_ITS_TURN, "at its start", "after it has said that it is ready"))
def test_a_successor_that_dies_before_its_turn_costs_nothing(house: Succession, step: str) -> None:
    house.release(BEFORE_ITS_TURN[step])
    with Typist(house.fifo.send) as typist:
        _reload_and_fail(house)
    assert house.has_all_of(typist)
    assert house.manager.processes() == house.manager.mains
    assert house.told["fault"]


@pytest.mark.parametrize("step", IN_ITS_TURN)
def test_one_that_dies_in_its_turn_costs_nothing_as_long_as_it_has_not_read(house: Succession, step: str) -> None:
    house.release(IN_ITS_TURN[step])
    with Typist(house.fifo.send) as typist:
        _reload_and_fail(house)
    assert house.has_all_of(typist)
    assert house.manager.processes() == house.manager.mains
    assert house.told["fault"]
    house.release()
    assert house.hand_over()["ok"]


@pytest.mark.parametrize("step", some(AFTERWARDS, "after it has said that it reads", "when it has the spool"))
def test_one_that_dies_afterwards_is_started_again_as_any_other(house: Succession, step: str) -> None:
    house.scan("BEFORE")
    former = house.manager.main
    house.release(AFTERWARDS[step])
    house.manager.reload()
    wait_until(lambda: house.manager.main != former, what="systemd knows of it")
    house.release()
    house.revive()
    house.scan("AFTER")
    assert house.stored == ["BEFORE", "AFTER"]
    assert house.manager.processes() == [house.manager.main]


@pytest.mark.parametrize("step", some(PREDECESSOR, "after it has said go", "before it lets go of the spool"))
def test_a_predecessor_may_die_at_any_moment(tmp_path: Path, step: str) -> None:
    house = Succession(tmp_path, before=PREDECESSOR[step])
    try:
        house.scan("BEFORE")
        former = house.manager.main
        house.release()
        house.manager.reload()
        house.manager.ended(former)
        if house.manager.main == former or not house.manager.is_alive(house.manager.main):
            house.manager.kill_all()
            house.start()
        house.scan("AFTER")
        assert house.stored == ["BEFORE", "AFTER"]
        wait_until(lambda: house.manager.processes() == [house.manager.main], what="one capture runs")
    finally:
        house.close()
