"""The pause between two tries to register: what a change of the network does to it, and what not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from random import Random

import pytest

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.enrolment.identity import identity_of
from pi_auto.client.agent.enrolment.standing import Standing
from pi_auto.client.agent.enrolment.ways import way_of
from pi_auto.client.agent.errands.office import Office
from pi_auto.client.agent.errands.registering import Registering
from pi_auto.client.agent.network.home import Home
from pi_auto.client.agent.telling import Telling
from pi_auto.client.bulletin import Bulletin
from pi_auto.client.settings import Settings

from .conftest import DEVICE

NOBODY = "http://127.0.0.1:1"


class Unlucky(Random):
    """Draws the longest pause."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


class Busy(BaseHTTPRequestHandler):
    """Whoever asks is to come back in two minutes."""

    def do_POST(self) -> None:
        self.send_response(429)
        self.send_header("Retry-After", "120")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def registering(tmp_path: Path) -> Iterator[Callable[[str], Registering]]:
    """The errand of a device that belongs to the server of a URL."""
    folder = tmp_path / "agent"
    folder.mkdir()
    lines: list[ServerApi] = []

    def make(url: str) -> Registering:
        settings = Settings(state=tmp_path, server_url=url, fleet_card=tmp_path / "none")
        home, rng = Home(settings.endpoint()), Unlucky(1)
        lines.append(ServerApi(home))
        way = way_of(folder, identity_of(folder, DEVICE), None, url)
        standing = Standing(None, rng, 300.0, asked=lambda: None, changed=lambda: None)
        telling = Telling(Bulletin(folder))
        return Registering(Office(settings, folder, url, home, lines[-1], way, standing, telling, rng))

    yield make
    for line in lines:
        line.close()


def pause(errand: Registering) -> float:
    return errand.due() - time.monotonic()


def test_a_change_of_the_network_ends_the_pause_and_the_next_one_is_a_first_one(
    registering: Callable[[str], Registering],
) -> None:
    errand = registering(NOBODY)
    for _ in range(7):
        errand.run()
    assert pause(errand) > 50
    errand.network_changed()
    assert pause(errand) <= 0
    errand.run()
    assert pause(errand) <= 1


def test_a_pause_that_the_server_asked_for_holds_on_every_way(registering: Callable[[str], Registering]) -> None:
    with HTTPServer(("127.0.0.1", 0), Busy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        errand = registering(f"http://127.0.0.1:{server.server_address[1]}")
        errand.run()
        errand.network_changed()
        assert pause(errand) > 100
        server.shutdown()
