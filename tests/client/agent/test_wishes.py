from __future__ import annotations

from typing import Any

import pytest

from pi_auto.client.agent.hub.pulse import Pulse
from pi_auto.client.agent.hub.wishes import Wishes


@pytest.mark.parametrize(
    ("name", "value"), [("heartbeat_interval", 10), ("heartbeat_interval", 3600), ("log_level", "DEBUG")]
)
def test_a_setting_that_can_be_holds_and_is_acknowledged(name: str, value: Any) -> None:
    wishes = Wishes()
    wishes.take({name: value, "scanners": {}}, 7)
    assert wishes.held == {name: value}
    assert wishes.acknowledged == {name: {"value": value, "version": 7, "status": 200}}


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("heartbeat_interval", 9, "from 10 to 3600"),
        ("heartbeat_interval", 3601, "from 10 to 3600"),
        ("heartbeat_interval", "30", "from 10 to 3600"),
        ("heartbeat_interval", True, "from 10 to 3600"),
        ("log_level", {"a": 1}, "DEBUG, INFO"),
    ],
)
def test_one_that_cannot_be_is_refused_with_what_is_allowed_and_spoils_no_other(
    name: str, value: Any, allowed: str
) -> None:
    wishes = Wishes()
    wishes.take({"heartbeat_interval": 60, "log_level": "INFO"} | {name: value}, 8)
    assert name not in wishes.held
    assert len(wishes.held) == 1
    assert wishes.acknowledged[name]["status"] == 400
    assert allowed in wishes.acknowledged[name]["error"]


def test_a_setting_that_is_taken_back_holds_no_longer() -> None:
    wishes = Wishes()
    wishes.take({"log_level": "DEBUG"}, 1)
    wishes.take({}, 2)
    assert (wishes.held, wishes.acknowledged) == ({}, {})


def test_another_pace_begins_with_a_report_and_ends_when_it_is_taken_back() -> None:
    pulse = Pulse(30)
    pulse.answered(204, pulse.sent(0.0), 0.1)
    pulse.pace(10.0, 1.0)
    assert pulse.due(1.0)
    pulse.answered(204, pulse.sent(1.0), 1.1)
    pulse.pace(10.0, 2.0)
    assert (pulse.due(10.9), pulse.due(11.0)) == (False, True)
    pulse.pace(None, 2.0)
    pulse.answered(204, pulse.sent(2.0), 2.1)
    assert (pulse.due(31.9), pulse.due(32.0)) == (False, True)
