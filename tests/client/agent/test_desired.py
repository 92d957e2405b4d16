from __future__ import annotations

import json
from typing import Any

import pytest

from pi_auto.client.agent.hub.desired import Desired


def octets(value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.fixture
def told() -> list[dict[str, Any]]:
    return []


def asked(told: list[dict[str, Any]], section: dict[str, Any]) -> Desired:
    """One that has been answered."""
    desired = Desired(told.append)
    assert desired.answered(200, desired.asked(0.0), octets({"desired": section, "reported": {}}))
    return desired


def test_the_whole_is_asked_for_at_once_and_then_no_more(told: list[dict[str, Any]]) -> None:
    assert Desired(told.append).due(0.0)
    desired = asked(told, {"a": 1, "$version": 4})
    assert (desired.due(1e9), desired.next_at) == (False, None)
    assert told == [{"a": 1}]


def test_patches_merge_into_it_and_null_removes(told: list[dict[str, Any]]) -> None:
    desired = asked(told, {"a": {"b": 1, "c": 2}, "$version": 4})
    desired.patched(octets({"a": {"b": None, "d": 3}, "$version": 5}))
    assert told[-1] == {"a": {"c": 2, "d": 3}}


def test_after_a_missed_patch_the_whole_is_asked_for_again(told: list[dict[str, Any]]) -> None:
    desired = asked(told, {"a": 1, "$version": 4})
    desired.patched(octets({"a": 3, "$version": 6}))
    assert told == [{"a": 1}]
    assert desired.due(1000.0)
    desired.answered(200, desired.asked(1000.0), octets({"desired": {"a": 3, "$version": 6}}))
    assert told[-1] == {"a": 3}


def test_a_patch_that_the_whole_has_brought_already_changes_nothing(told: list[dict[str, Any]]) -> None:
    desired = asked(told, {"a": 1, "$version": 4})
    desired.patched(octets({"a": 0, "$version": 4}))
    assert told == [{"a": 1}]
    assert not desired.due(1e9)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, b""),
        (500, b"{}"),
        (200, b"rubbish"),
        (200, b"[]"),
        (200, b'{"desired": 5}'),
        (200, b"[" * 60_000),
        (200, b'{"desired": {"$version": 1, "scanners": ' + 100 * b'{"a":' + b"1" + 102 * b"}"),
    ],
)
def test_a_no_or_rubbish_is_got_over_and_asked_again_later(
    told: list[dict[str, Any]], status: int, body: bytes
) -> None:
    desired = Desired(told.append)
    assert desired.answered(status, desired.asked(0.0), body)
    assert [desired.due(now) for now in (1.0, 60.0)] == [False, True]
    assert told == []


def test_an_answer_to_another_question_is_no_answer(told: list[dict[str, Any]]) -> None:
    desired = Desired(told.append)
    desired.asked(0.0)
    assert not desired.answered(200, "report-1", octets({"desired": {"$version": 1}}))


@pytest.mark.parametrize("body", [b"", b"{}", b'{"$version": "5"}', b'{"$version": true}', b"nonsense"])
def test_a_patch_without_a_version_changes_nothing(told: list[dict[str, Any]], body: bytes) -> None:
    desired = asked(told, {"a": 1, "$version": 4})
    desired.patched(body)
    assert told == [{"a": 1}]
