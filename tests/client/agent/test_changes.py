from __future__ import annotations

from random import Random
from typing import Any

import pytest

from pi_auto.client.agent.hub.changes import Changes
from pi_auto.wire.heartbeat import HEALTH
from pi_auto.wire.twin import difference, merged

ONLINE = {"status": "online", "last_seen": "1", "disk": {"free": 5, "total": 9}}


def at(time: str, **others: Any) -> dict[str, Any]:
    return ONLINE | {"last_seen": time} | others


@pytest.fixture
def changes() -> Changes:
    """After a first report that the hub has taken."""
    made = Changes()
    made.patch(ONLINE)
    made.taken()
    return made


def test_the_first_report_is_whole_and_clears_what_an_earlier_run_left() -> None:
    first = Changes().patch(ONLINE)
    assert {name: value for name, value in first.items() if value is not None} == ONLINE
    assert {name for name, value in first.items() if value is None} == {*HEALTH, "queue", "settings"} - {"disk"}
    assert merged({"signal": {"dBm": -50}, "tags": 1}, first) == ONLINE | {"tags": 1}


def test_then_only_the_time_and_what_changed_is_sent(changes: Changes) -> None:
    assert changes.patch(at("2")) == {"status": "online", "last_seen": "2"}
    changes.taken()
    patch = changes.patch(at("3", disk={"free": 4, "total": 9}))
    assert patch == {"status": "online", "last_seen": "3", "disk": {"free": 4}}


def test_what_is_gone_is_taken_back(changes: Changes) -> None:
    assert changes.patch({"status": "online", "last_seen": "2"})["disk"] is None


def test_after_a_refusal_or_a_missing_answer_the_next_is_whole(changes: Changes) -> None:
    changes.patch(at("2"))
    changes.doubted()
    assert changes.patch(at("3"))["disk"] == ONLINE["disk"]
    assert changes.patch(at("4"))["disk"] == ONLINE["disk"]  # the one before is not answered yet


def test_whatever_changes_the_hub_holds_the_same_in_the_end() -> None:
    rng, changes, twin = Random(7), Changes(), dict[str, Any](signal="old", clock={"offset_bound": 5})
    for beat in range(500):
        whole = at(str(beat)) | {name: _anything(rng, 2) for name in HEALTH if rng.random() < 0.6}
        if rng.random() < 0.8:  # else it is lost on its way, and so is its answer
            twin = merged(twin, changes.patch(whole))
            changes.taken()
            assert twin == whole
        else:
            patch = changes.patch(whole)
            twin = merged(twin, patch) if rng.random() < 0.5 else twin


@pytest.mark.parametrize(
    ("old", "new", "patch"),
    [
        ({}, {}, {}),
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {}, {"a": None}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"c": None}}),
        ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": None}}),
        ({"a": 1}, {"a": {}}, {"a": {}}),
        ({"a": {}}, {"a": 1}, {"a": 1}),
        ({}, {"a": {}}, {"a": {}}),
    ],
)
def test_a_difference_is_no_more_than_what_differs(
    old: dict[str, Any], new: dict[str, Any], patch: dict[str, Any]
) -> None:
    assert difference(old, new) == patch
    assert merged(old, patch) == new


def _anything(rng: Random, depth: int) -> Any:
    """Objects of whatever names, two deep; a name is an object's or a value's, as in every heartbeat."""
    values = {name: rng.randrange(3) for name in "abc" if rng.random() < 0.6}
    return values | {name: _anything(rng, depth - 1) for name in "de" if depth and rng.random() < 0.6}
