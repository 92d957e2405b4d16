"""Successors with faults: the one that runs goes on, says why, and hands over to the next that works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.successions import Succession, Typist, some, wait_until

_PATIENCE = """
from pi_auto.client.capture.succession import moment, predecessor
predecessor.READY_WITHIN = moment.READS_WITHIN = 0.5
"""
_SAYS = """
import os, socket, time
from pi_auto.client.capture.succession.contract import DESCRIPTOR, VARIABLE
way = socket.socket(fileno=DESCRIPTOR)
way.send({said})
time.sleep(60)
"""
_ANSWERS = """
from pi_auto.client.capture.succession import heir
former = heir.Way.say
heir.Way.say = lambda self, message, *rest: former(self, {answer} if {word!r} in message else message, *rest)
"""
FAULTS = {
    "it crashes at its start": ("raise SystemExit(7)", "the other capture has ended; its exit code is 7"),
    "it ends well at once": ("raise SystemExit(0)", "the other capture has ended; its exit code is 0"),
    "it eats memory": (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**28, 2**28)); held = bytearray(2**30)",
        "the other capture has ended; its exit code is 1",
    ),
    "it says no JSON": (_SAYS.format(said="b'hello'"), "has said no JSON object, instead of 'contract'"),
    "it says what is deeply nested": (_SAYS.format(said="b'[' * 60000"), "has said no JSON object"),
    "it says no object": (_SAYS.format(said="b'[1]'"), "has said no JSON object, instead of 'contract'"),
    "it says something else": (_SAYS.format(said="b'{\"ready\": 1}'"), "['ready'], instead of 'contract'"),
    "it says more than there is room for": (_SAYS.format(said="b' ' * 140000"), "instead of 'contract'"),
    "it is never ready": (_ANSWERS.format(word="ready", answer='{"well": 1}'), "['well'], instead of 'ready'"),
}  # fmt: skip
HANGS = {
    "at its start": "import time; time.sleep(60)",
    "after its first word": _SAYS.format(said="b'{\"contract\": 1}'"),
    "in its turn": "from pi_auto.client.capture import reading; import time\n"
    "reading.Reader.recall = lambda *_: time.sleep(60)",
}
REFUSALS = {
    "it has another contract": (
        "from pi_auto.client.capture.succession import heir\nheir.CONTRACT = 2",
        "its contract is 2; allowed: 1",
    ),
    "it refuses its settings": (
        "sys.argv[2] = 'nonsense'",
        "the other capture has ended; its exit code is 2",
    ),
    "it would read other devices": (
        "from pi_auto.client.capture.lookout import Lookout\nLookout.prepare = lambda *_: False",
        "it would read other devices than are read now",
    ),
    "it does not understand what it is told": (
        "from pi_auto.client.capture.feed import Feed\ndef recall(*_): raise KeyError('x')\nFeed.recall = recall",
        "what it was told cannot be used: KeyError: 'x'",
    ),
}


def _told_without_a_pause(house: Succession) -> dict[str, Any] | None:
    """Nothing where the machine kept the typist from typing: that is a pause."""
    with Typist(house.fifo.send, pause=0.0, suffix=None) as typist:
        told = house.hand_over()
    return None if typist.stalled and told["ok"] else told


def _tried(house: Succession, release: str) -> str:
    house.release(release)
    with Typist(house.fifo.send) as typist:
        said = house.hand_over()
    assert not said["ok"]
    wait_until(lambda: len(house.stored) + len(house.lost) >= len(typist.typed), what="all is stored")
    assert house.has_in_order(typist)
    assert house.manager.processes() == [house.manager.main]
    return str(said["said"])


@pytest.mark.parametrize("hang", some(HANGS, "in its turn"))
def test_one_that_hangs_is_ended_and_the_former_goes_on(tmp_path: Path, hang: str) -> None:
    house = Succession(tmp_path, before=_PATIENCE)
    try:
        assert _tried(house, HANGS[hang]) == "nothing was heard for 0.5 s"
        assert house.told["fault"]
        house.scan("AFTER")
    finally:
        house.close()


@pytest.mark.parametrize("fault", some(FAULTS, "it crashes at its start", "it says something else"))
def test_a_successor_with_a_fault_is_ended_and_the_former_goes_on(house: Succession, fault: str) -> None:
    release, words = FAULTS[fault]
    assert words in _tried(house, release)
    assert house.lost == []
    assert house.told["fault"]
    house.release()
    assert house.hand_over()["ok"]
    house.scan("AFTER")


@pytest.mark.parametrize("refusal", some(REFUSALS, "it does not understand what it is told"))
def test_one_that_refuses_is_no_fault_and_the_former_goes_on(house: Succession, refusal: str) -> None:
    release, words = REFUSALS[refusal]
    assert words in _tried(house, release)
    house.scan("AFTER")


def test_codes_that_follow_each_other_without_a_pause_are_not_cut_for_it(house: Succession) -> None:
    """No suffix, and never silence: there is no moment between two codes."""
    house.release("from pi_auto.client.capture.succession import predecessor; predecessor.PAUSE_WITHIN = 0.3")
    assert house.hand_over()["ok"]
    told = wait_until(lambda: _told_without_a_pause(house), what="nothing keeps the typist from typing")
    assert told["said"] == "codes follow each other without a pause, for 0.3 s"
    assert not told["fault"]
