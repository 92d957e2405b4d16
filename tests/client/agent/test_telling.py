"""What the agent tells of server, hub and updates: what is so, since when, and never a secret."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pi_auto.client.agent.telling import Telling
from pi_auto.client.bulletin import FILE, Bulletin, posts_in
from pi_auto.client.settings import Settings
from pi_auto.version import __version__
from pi_auto.wire.connection_string import ConnectionString
from support.fleet_peer import REGISTER, SCANS, UPDATES, FleetPeer, status
from support.mqtt_peer import MqttPeer
from support.stored import StoredScans
from support.waiting import wait_until

from .conftest import running

Step = tuple[str, ...]
WELL = "it answered when it was last asked"


def told(folder: Path, topic: str) -> Any:
    post = posts_in(folder).get(topic)
    return post.news if post else None


SERVER: dict[str, tuple[list[Step], tuple[bool, str]]] = {
    "one that answers": ([("reached", "api")], (True, WELL)),
    "one that does not": ([("failed", "registrar", "no route")], (False, "no route")),
    "one that is back": ([("failed", "api", "no route"), ("reached", "api")], (True, WELL)),
    "one that registers and takes nothing": (
        [("failed", "api", "status 500"), ("reached", "registrar"), ("reached", "update")],
        (False, "status 500"),
    ),
    "one that was away when asked for an update, and has taken a scan since": (
        [("failed", "update", "no route"), ("failed", "search", "no route"), ("reached", "api")],
        (True, WELL),
    ),
}


@pytest.mark.parametrize("case", SERVER)
def test_how_it_stands_with_a_server(tmp_path: Path, telling: Telling, case: str) -> None:
    steps, (is_ok, said) = SERVER[case]
    for name, *words in steps:
        getattr(telling, name)(*words)
    assert told(tmp_path, "server") == {"ok": is_ok, "said": said}


def test_success_after_success_writes_nothing(tmp_path: Path, telling: Telling) -> None:
    telling.reached("api")
    written = (tmp_path / FILE).stat().st_ino
    for _ in range(100):
        telling.reached("api")
    assert (tmp_path / FILE).stat().st_ino == written


def test_however_many_threads_speak_the_last_word_counts(tmp_path: Path, telling: Telling) -> None:
    def speak(who: str) -> None:
        for _ in range(50):
            telling.failed(who, "no route")
            telling.reached(who)

    threads = [threading.Thread(target=speak, args=(who,)) for who in ("api", "registrar")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told(tmp_path, "server")["ok"]


def test_what_a_server_says_at_length_is_cut(tmp_path: Path) -> None:
    Telling(Bulletin(tmp_path)).failed("api", "x" * 10_000)
    assert len(told(tmp_path, "server")["said"]) == 500


def ok(settings: Settings, topic: str) -> bool | None:
    news = told(settings.agent_folder, topic)
    return bool(news["ok"]) if news else None


@pytest.mark.usefixtures("agent")
def test_a_device_that_works_tells_so(settings: Settings, stored: StoredScans) -> None:
    stored.scan("one")
    wait_until(lambda: ok(settings, "server") and ok(settings, "hub"), what="both to be well")
    assert told(settings.agent_folder, "hub") == {"ok": True, "said": "connected", "host": "hub.test"}


def test_an_agent_that_was_stopped_tells_nothing(settings: Settings) -> None:
    with running(settings):
        wait_until(lambda: ok(settings, "hub"), what="the hub")
    assert not (settings.agent_folder / FILE).exists()


def test_a_server_that_refuses_the_device_is_told_with_its_words(settings: Settings, server: FleetPeer) -> None:
    server.always[REGISTER] = status(403)
    with running(settings):
        wait_until(lambda: ok(settings, "server") is False, what="the refusal")
        said = told(settings.agent_folder, "server")["said"]
        assert said == "cannot register: refused with status 403: a planted 403"
        no_hub = {"ok": False, "said": "the server has not registered this device yet", "host": None}
        wait_until(lambda: told(settings.agent_folder, "hub") == no_hub, what="why there is no hub")
        server.always.clear()
        wait_until(lambda: ok(settings, "server"), what="the registration")


def test_a_server_that_takes_no_scans_is_told_until_it_does(
    settings: Settings, server: FleetPeer, stored: StoredScans
) -> None:
    server.always[SCANS] = status(500)
    with running(settings):
        stored.scan("one")
        wait_until(lambda: ok(settings, "server") is False, what="the failure")
        assert told(settings.agent_folder, "server")["said"].startswith("cannot deliver scans: the server failed")
        server.always.clear()
        wait_until(lambda: ok(settings, "server"), what="the delivery")


def test_a_hub_that_goes_away_is_told_and_so_is_its_return(settings: Settings, hub: MqttPeer) -> None:
    with running(settings):
        wait_until(lambda: ok(settings, "hub"), what="the hub")
        hub.connack = 3
        hub.hang_up()
        wait_until(lambda: ok(settings, "hub") is False, what="the loss")
        assert told(settings.agent_folder, "hub")["host"] == "hub.test"
        hub.connack = 0
        wait_until(lambda: ok(settings, "hub"), what="the return")


def test_a_server_without_a_hub_is_no_trouble(settings: Settings, server: FleetPeer) -> None:
    server.connection_string = server.hub = None
    expected = {"ok": True, "said": "the server has none for this device", "host": None}
    with running(settings):
        wait_until(lambda: told(settings.agent_folder, "hub") == expected, what="the word on the hub")


Answer = Callable[[FleetPeer], None]


def offers(version: str | None) -> Answer:
    def answer(server: FleetPeer) -> None:
        server.offer = version

    return answer


def fails(code: int) -> Answer:
    def answer(server: FleetPeer) -> None:
        server.always[UPDATES] = status(code)

    return answer


CHECKS: dict[str, tuple[Answer, bool, str | None, str, bool]] = {
    "none": (offers(None), True, None, f"no update: version {__version__}", True),
    "one": (offers("9.9.9"), False, "9.9.9", "update 9.9.9 is offered, and not taken; updates are off", True),
    "refused": (fails(404), False, None, "cannot ask for an update: refused with status 404", True),
    "failed": (fails(500), False, None, "cannot ask for an update: the server failed", False),
}


@pytest.mark.parametrize("case", CHECKS)
def test_what_came_of_asking_for_an_update(settings: Settings, server: FleetPeer, case: str) -> None:
    answer, is_ok, version, said, is_reached = CHECKS[case]
    answer(server)
    with running(replace(settings, update_interval=1)):
        wait_until(lambda: ok(settings, "update") is not None, what="the first check")
        news = told(settings.agent_folder, "update")
        assert (news["ok"], news["version"]) == (is_ok, version)
        assert said in news["said"]
        wait_until(lambda: ok(settings, "server") is is_reached, what="the word on the server")
        if is_reached:  # else the pause is longer than a test
            wait_until(lambda: told(settings.agent_folder, "update")["at"] > news["at"], what="the next check")


def test_no_secret_is_told(settings: Settings, server: FleetPeer, stored: StoredScans) -> None:
    with running(replace(settings, update_interval=1)) as agent:
        stored.scan("one")
        wait_until(lambda: len(posts_in(settings.agent_folder)) == 3, what="all its news")
        shown = (settings.agent_folder / FILE).read_text()
    key = ConnectionString.parse(server.connection_string or "").key
    assert not [secret for secret in (agent.identity.claim, key, *server.tokens) if secret in shown]


def test_of_what_the_fleet_wants_capture_is_told_what_it_reads_alone(tmp_path: Path) -> None:
    scanners = {"usb-1": {"layout": "fr"}}
    telling = Telling(Bulletin(tmp_path))
    telling.wanted({"scanners": scanners, "log_level": "DEBUG", "of others": "x" * 30_000})
    assert told(tmp_path, "wanted") == {"scanners": scanners}
