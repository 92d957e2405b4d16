"""What somebody else has written reaches the administrator's terminal as text, and never drives it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pi_auto.server.admin import words
from pi_auto.server.rollouts.words import shown

NASTY = "lost\x1b]0;owned\x07\nkey    0000 by root"
SAFE = "lost\\x1b]0;owned\\x07\\nkey    0000 by root"
AT = "2026-11-23T12:00:00.000Z"
STAGE = {"whom": "all", "soak": 0, "devices": 0, "reached": 0, "committed": 0, "failed": 0}
ROLLOUT = {
    "id": 1, "version": "2.0.0", "state": "paused", "urgent": False, "why": NASTY, "withdrawn": False,
    "made_by": "ann", "made": AT, "started": AT, "success": 95, "failures_to_pause": 2, "failure_percent": 5,
    "silence": 60, "reached": 0, "committed": 0, "failed": 0, "under_way": 0, "forgiven": 0, "stage": 1,
    "held_back": 0, "least_counter": 0, "stages": [STAGE], "reasons": [],
}  # fmt: skip
SAID: dict[str, tuple[Callable[[dict[str, Any]], str], dict[str, Any]]] = {
    "why somebody was shut out": (
        words.shut_out,
        {"shut_out": [{"kind": "key", "value": "4f", "made_by": "ann", "made_at": AT, "reason": NASTY}]},
    ),
    "what the hub has answered": (
        words.wishes,
        {"wishes": [{"device_id": "pi-1", "wish": "absent", "made_at": AT, "tries": 1, "error": NASTY}]},
    ),
    "that the hub is still to be told": (words.done, {"hub": NASTY}),
    "why a roll-out pauses": (shown, {"rollout": ROLLOUT}),
}


@pytest.mark.parametrize("what", SAID)
def test_text_of_others_is_escaped_for_the_terminal(what: str) -> None:
    say, answer = SAID[what]
    said = say(answer)
    assert SAFE in said
    assert "\x1b" not in said
