from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pi_auto.client.agent.agent import Agent
from pi_auto.client.agent.methods.check_update import check_update
from pi_auto.client.agent.methods.dispatch import Methods
from pi_auto.client.agent.methods.log_level import LogLevel
from pi_auto.client.agent.methods.restart import restart
from pi_auto.client.settings import Settings
from pi_auto.wire.methods import Answer
from support.fleet_peer import FleetPeer
from support.mqtt_peer import MqttPeer
from support.waiting import wait_until

from .conftest import running


def _busy(_values: dict[str, Any]) -> Answer:
    raise PermissionError(13, "Permission denied")


METHODS = Methods({"identify": lambda values: Answer(200, values), "reboot": _busy})


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger that is nobody else's."""
    found = logging.getLogger("pi_auto.test_methods")
    found.setLevel(logging.INFO)
    yield found
    found.setLevel(logging.NOTSET)


@pytest.mark.parametrize(
    ("name", "body", "status", "says"),
    [
        ("identify", b'{"seconds":5}', 200, '{"seconds":5}'),
        ("identify", b"", 400, "payload.seconds"),
        ("identify", b"{", 400, "JSON"),
        ("identify", b"[" * 100_000, 400, "JSON"),
        ("identify", b'{"seconds":5,"url":"https://elsewhere.example"}', 400, "payload.url"),
        ("identify", b" " * 200_000, 400, "200000 bytes"),
        ("shell", b"{}", 404, "restart, reboot"),
        ("sh\nell", b"{}", 404, "no method"),
        ("diagnostics", b"{}", 400, "payload.request"),
        ("reboot", b"null", 503, "Permission denied"),
    ],
)
def test_every_call_is_answered(name: str, body: bytes, status: int, says: str) -> None:
    answered, payload = METHODS.answer(name, body)
    assert answered == status
    assert says in payload.decode()
    assert isinstance(json.loads(payload), dict)


def test_a_restart_comes_after_its_answer() -> None:
    stopped = threading.Event()
    answer = restart(stopped.set, soon=0.05)({})
    assert answer.status == 200
    assert stopped.wait(5)


def test_an_update_is_asked_for_at_once() -> None:
    asked: list[bool] = []
    assert check_update(lambda: asked.append(True))({}).status == 200
    assert asked == [True]


def test_a_log_level_goes_back_by_itself(logger: logging.Logger) -> None:
    level = LogLevel(logger, minute=0.05)
    assert level.method({"level": "DEBUG", "minutes": 1}).status == 200
    assert logger.level == logging.DEBUG
    wait_until(lambda: logger.level == logging.INFO, what="the usual level to come back")


def test_the_last_loan_of_a_log_level_counts(logger: logging.Logger) -> None:
    level = LogLevel(logger, minute=0.05)
    level.method({"level": "DEBUG", "minutes": 1})
    level.method({"level": "ERROR", "minutes": 1000})
    level._back()  # the first one's timer, which was under way already
    assert logger.level == logging.ERROR


def test_the_fleets_usual_level_holds_until_it_is_taken_back_and_after_a_loan(logger: logging.Logger) -> None:
    level = LogLevel(logger, minute=0.05)
    level.usual("WARNING")
    assert logger.level == logging.WARNING
    level.method({"level": "DEBUG", "minutes": 1})
    level.usual("ERROR")
    assert logger.level == logging.DEBUG
    wait_until(lambda: logger.level == logging.ERROR, what="the fleet's usual level")
    level.usual(None)
    assert logger.level == logging.INFO


def test_a_call_reaches_the_agent_over_the_hub_and_is_answered(hub: MqttPeer, agent: Agent) -> None:
    wait_until(lambda: bool(hub.reports), what="the agent to be connected")
    hub.call("set_log_level", "a1", b'{"level":"LOUD","minutes":1}')
    wait_until(lambda: bool(hub.method_answers), what="the answer")
    topic, body = hub.method_answers[0]
    assert topic == "$iothub/methods/res/400/?$rid=a1"
    assert b"one of DEBUG, INFO, WARNING, ERROR" in body
    assert agent.identity.device_id


def test_an_agent_told_to_look_for_updates_asks_its_server(
    hub: MqttPeer, server: FleetPeer, settings: Settings
) -> None:
    asked = "/api/ota/check_update"
    with running(settings):
        wait_until(lambda: bool(hub.reports), what="the agent to be connected")
        before = server.calls(asked)
        hub.call("check_update", "a1", b"")
        wait_until(lambda: server.calls(asked) > before, what="the server to be asked")
    assert [topic for topic, _ in hub.method_answers] == ["$iothub/methods/res/200/?$rid=a1"]


def test_an_agent_told_to_restart_answers_and_ends_cleanly(hub: MqttPeer, settings: Settings) -> None:
    with running(settings):
        wait_until(lambda: bool(hub.reports), what="the agent to be connected")
        hub.call("restart", "a1", b"")
        wait_until(lambda: b"offline" in hub.reports[-1], what="the farewell")
    assert [topic for topic, _ in hub.method_answers] == ["$iothub/methods/res/200/?$rid=a1"]
