"""A clock that is put back makes nothing of people's good again, and one that was ahead keeps nobody out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from pi_auto.server.admin import people
from pi_auto.server.admin.administrator import Administrator
from pi_auto.server.app import create_app
from pi_auto.server.audit.tables import audit
from pi_auto.server.context import Context, open_context
from pi_auto.server.latest import Latest
from pi_auto.server.operators.gate import COOKIE
from pi_auto.server.settings import Settings
from pi_auto.wire.fields import Fields
from support.api import Clock

HTTPS = "https://fleet.local"
OURS = {"Sec-Fetch-Site": "same-origin"}
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def context(tmp_path: Path, clock: Clock) -> Iterator[Context]:
    settings = Settings(data=tmp_path / "data", key_file=tmp_path / "key", trust=True, hub_mqtt=None)
    with closing(open_context(settings, clock)) as opened:
        yield opened


def client(context: Context) -> FlaskClient:
    return create_app(context.settings, context).test_client()


def link(context: Context) -> str:
    return str(people.make_link(Administrator(context), Fields({}))["link"]).rpartition("=")[2]


def signs_in(browser: FlaskClient, secret: str) -> bool:
    return browser.post("/login", data={"link": secret}, base_url=HTTPS, headers=OURS).status_code == 303


def is_in(browser: FlaskClient) -> bool:
    return browser.get("/api/pi_devices", base_url=HTTPS).status_code == 200


def test_a_session_that_had_run_out_is_not_good_again_when_the_clock_is_put_back(
    context: Context, clock: Clock
) -> None:
    browser = client(context)
    assert signs_in(browser, link(context))
    clock.pass_by(12 * 3600 + 60)
    assert not is_in(browser)
    clock.pass_by(-6 * 3600)
    assert not is_in(browser)


def test_a_link_that_had_run_out_is_not_good_again_when_the_clock_is_put_back(
    context: Context, clock: Clock
) -> None:
    secret = link(context)
    clock.pass_by(25 * 3600)
    assert not signs_in(client(context), secret)
    clock.pass_by(-20 * 3600)
    assert not signs_in(client(context), secret)


def test_people_are_let_in_after_the_clock_was_years_ahead(context: Context, clock: Clock) -> None:
    browser = client(context)
    assert signs_in(browser, link(context))
    clock.pass_by(10 * 365 * 86400)
    assert not is_in(browser)
    clock.now = NOON
    assert signs_in(browser, link(context))
    assert is_in(browser)
    with context.store.engine.connect() as books:  # what is written down is by the clock
        assert set(books.execute(select(audit.c.at)).scalars()) == {NOON}


def test_a_server_that_starts_with_its_clock_behind_takes_no_session_and_no_link_of_the_future(
    context: Context, clock: Clock
) -> None:
    browser = client(context)
    assert signs_in(browser, link(context))
    secret = link(context)
    clock.pass_by(-86400)
    started_anew = replace(context, _latest=Latest())
    again, held = client(started_anew), browser.get_cookie(COOKIE, "fleet.local")
    assert held
    again.set_cookie(COOKIE, held.value, domain="fleet.local", secure=True)
    assert not is_in(again)
    assert not signs_in(client(started_anew), secret)
    assert signs_in(again, link(started_anew))
    assert is_in(again)


def test_the_latest_moment_rises_with_the_clock_or_with_the_time_that_passes() -> None:
    passed = 0.0
    latest = Latest(lambda: passed)
    assert latest.of(NOON) == NOON
    passed = 10.0
    assert latest.of(NOON) == NOON + timedelta(seconds=10)  # the clock stands
    assert latest.of(NOON - timedelta(days=1)) == NOON + timedelta(seconds=10)  # it was put back
    passed = 70.0
    assert latest.of(NOON + timedelta(hours=1)) == NOON + timedelta(hours=1)  # it was put forward
