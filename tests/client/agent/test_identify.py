"""A device that is looked for shows itself by capture's lamps, for as long as was said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_auto.client.agent.methods.identify import identify
from pi_auto.client.agent.telling import IDENTIFY, Telling
from pi_auto.client.bulletin import Bulletin, posts_in
from pi_auto.client.clock import boottime_ns
from pi_auto.client.settings import Settings
from pi_auto.client.spool.doorbell import IDENTIFY as DOOR
from pi_auto.client.spool.doorbell import Bell
from support.mqtt_peer import MqttPeer
from support.waiting import wait_until

from .conftest import running


@pytest.fixture
def capture(settings: Settings) -> Iterator[Bulletin]:
    """Capture's bulletin; it has no lamps yet."""
    settings.capture_folder.mkdir(parents=True)
    bulletin = Bulletin(settings.capture_folder)
    yield bulletin
    bulletin.take_down()


def until(settings: Settings) -> float:
    """Seconds from now that the agent tells."""
    told: int = posts_in(settings.agent_folder)[IDENTIFY].news["until"]
    return told - boottime_ns() / 1e9


def test_a_call_reaches_the_lamps(hub: MqttPeer, settings: Settings, capture: Bulletin) -> None:
    capture.post("signals", {"ok": True, "said": "", "identifies": True})
    bell = Bell(settings.capture_folder / DOOR)
    with running(settings):
        wait_until(lambda: bool(hub.reports), what="the agent to be connected")
        hub.call("identify", "a1", b'{"seconds":10}')
        assert bell.wait(10)
        assert 8 < until(settings) <= 11
        wait_until(lambda: bool(hub.method_answers), what="the answer")
    assert hub.method_answers[0] == ("$iothub/methods/res/200/?$rid=a1", b'{"seconds":10}')
    bell.close()


def test_a_thousand_calls_write_no_more_than_one_a_second(tmp_path: Path) -> None:
    capture, agent = tmp_path / "capture", tmp_path / "agent"
    capture.mkdir()
    agent.mkdir()
    Bulletin(capture).post("signals", {"ok": True, "said": "", "identifies": True})
    method = identify(capture, Telling(Bulletin(agent)))
    begun, files = boottime_ns(), set()
    for _ in range(1000):
        assert method({"seconds": 10}).status == 200
        files.add((agent / "bulletin.json").stat().st_mtime_ns)
    assert len(files) <= (boottime_ns() - begun) // 10**9 + 2


def test_without_capture_or_without_a_lamp_it_says_so(
    tmp_path: Path, capture: Bulletin, settings: Settings
) -> None:
    method = identify(settings.capture_folder, Telling(Bulletin(tmp_path)))
    answer = method({"seconds": 10})
    assert (answer.status, "does not run" in answer.payload["error"]) == (503, True)
    capture.post("signals", {"ok": True, "said": "shown by nothing", "identifies": False})
    answer = method({"seconds": 10})
    assert (answer.status, "no lamp" in answer.payload["error"]) == (503, True)
    assert IDENTIFY not in posts_in(tmp_path)
