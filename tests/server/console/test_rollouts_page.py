"""The roll-outs' page: what it shows, who may press what, and that nothing on it can be forged or run."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from pi_auto.server.app import create_app
from pi_auto.server.context import open_context
from pi_auto.server.operators import letting_in, tokens
from pi_auto.server.operators.rules import EVERYTHING, Scope
from pi_auto.server.settings import Settings
from pi_auto.wire.update import COMMITTED, ROLLED_BACK
from support.api import Clock
from support.rollout import NEW, OLD, Fleet

HTTPS = "https://fleet.local"
OURS = {"Sec-Fetch-Site": "same-origin"}
NASTY = "<script>alert(1)</script>\x1b[2J"


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    clock = Clock()
    context = open_context(Settings(data=tmp_path / "data", trust=True), clock)
    opened = Fleet(context, clock)
    opened.release(1, OLD)
    opened.release(2, NEW)
    opened.add(f"pi-{number:08x}" for number in range(4))
    yield opened
    context.close()


@pytest.fixture
def client(fleet: Fleet) -> FlaskClient:
    return create_app(fleet.context.settings, fleet.context).test_client()


def bearer(fleet: Fleet, *scopes: Scope) -> dict[str, str]:
    made = fleet.job(
        lambda books: tokens.create_token(books, "ann", frozenset(scopes) or EVERYTHING, None, fleet.clock())
    )
    return {"Authorization": f"Bearer {made}"}


def test_a_rollout_that_has_paused_says_why_and_goes_on_at_a_click(fleet: Fleet, client: FlaskClient) -> None:
    number, who = fleet.start(), bearer(fleet)
    for each in list(fleet.versions)[:3]:
        fleet.check(each)
        fleet.tell(each, ROLLED_BACK, reason=NASTY)
    fleet.clock.pass_by(60)
    page = client.get("/fleet/rollouts", base_url=HTTPS, headers=who).text
    assert "3 of 3 devices have failed" in page
    assert "<script" not in page
    assert "\x1b" not in page
    assert "alert(1)" in unescape(page)
    form = {"request": "rollout resume", "rollout": number}
    answer = client.post("/fleet/rollouts", data=form, base_url=HTTPS, headers=who | OURS)
    assert answer.status_code == 303
    assert "It goes on" in client.get(answer.headers["Location"], base_url=HTTPS, headers=who).text
    assert fleet.show(number)["state"] == "running"


def test_the_page_says_who_has_to_take_another_release_first(fleet: Fleet, client: FlaskClient) -> None:
    fleet.release(3, "2.2.0", least_counter=2)
    fleet.start("2.2.0")
    page = client.get("/fleet/rollouts", base_url=HTTPS, headers=bearer(fleet)).text
    assert "4 devices are offered it only once they have taken release counter 2." in page


def test_whoever_may_see_devices_sees_rollouts_and_cannot_move_them(fleet: Fleet, client: FlaskClient) -> None:
    number = fleet.start()
    fleet.check("pi-00000001")
    fleet.tell("pi-00000001", COMMITTED)
    sees = bearer(fleet, Scope.DEVICES)
    page = client.get("/fleet/rollouts", base_url=HTTPS, headers=sees)
    assert "1 of 1 devices that were reached run it" in page.text
    assert "<button>Pause now" not in page.text
    form = {"request": "rollout pause", "rollout": number}
    assert client.post("/fleet/rollouts", data=form, base_url=HTTPS, headers=sees | OURS).status_code == 403
    assert client.get("/fleet/rollouts", base_url=HTTPS).status_code == 401
    assert fleet.show(number)["state"] == "running"


def test_a_page_that_is_older_than_a_failure_forgives_nothing(fleet: Fleet, client: FlaskClient) -> None:
    """Two look at three failures; one of them resumes, and it pauses again: the other has not seen why."""
    number, who = fleet.start(), bearer(fleet)
    for each in list(fleet.versions)[:3]:
        fleet.check(each)
        fleet.tell(each, ROLLED_BACK, reason="no scanner")
    page = client.get("/fleet/rollouts", base_url=HTTPS, headers=who).text
    assert '<input type="hidden" name="failures" value="3">' in page
    form = {"request": "rollout resume", "rollout": number, "failures": 3}
    fleet.clock.pass_by(60)
    assert client.post("/fleet/rollouts", data=form, base_url=HTTPS, headers=who | OURS).status_code == 303
    for each in list(fleet.versions)[:3]:
        fleet.check(each)
        fleet.clock.pass_by(60)
        fleet.tell(each, ROLLED_BACK, reason="it hangs")
    assert fleet.show(number)["state"] == "paused"
    answer = client.post("/fleet/rollouts", data=form, base_url=HTTPS, headers=who | OURS)
    assert answer.status_code == 400
    assert "to have seen all 6 that there are by now" in unescape(answer.text)
    assert fleet.show(number)["state"] == "paused"


def test_a_page_that_is_older_than_the_stage_it_shows_moves_the_rollout_no_further(
    fleet: Fleet, client: FlaskClient
) -> None:
    """Two who press the button at the same time have wanted one stage more, not two."""
    number, who = fleet.start(stages="1%/1h 5%/1h 100%/1h"), bearer(fleet)
    page = client.get("/fleet/rollouts", base_url=HTTPS, headers=who).text
    assert '<input type="hidden" name="stage" value="1">' in page
    form = {"request": "rollout advance", "rollout": number, "stage": 1}
    first = client.post("/fleet/rollouts", data=form, base_url=HTTPS, headers=who | OURS)
    second = client.post("/fleet/rollouts", data=form, base_url=HTTPS, headers=who | OURS)
    assert (first.status_code, second.status_code) == (303, 400)
    assert "2 by now" in unescape(second.text)
    assert fleet.show(number)["stage"] == 2


@pytest.mark.parametrize(
    "headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}], ids=str
)
def test_another_sites_page_moves_nothing(fleet: Fleet, client: FlaskClient, headers: dict[str, str]) -> None:
    number = fleet.start()
    link = fleet.job(lambda books: letting_in.make_link(books, fleet.clock()))
    assert client.post("/login", data={"link": link}, base_url=HTTPS, headers=OURS).status_code == 303
    form = {"request": "rollout abort", "rollout": number}
    assert client.post("/fleet/rollouts", data=form, base_url=HTTPS, headers=headers).status_code == 403
    assert client.post("/fleet/rollouts", data=form, base_url=HTTPS, headers=OURS).status_code == 303
    assert fleet.show(number)["state"] == "aborted"


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"request": "rollout plan", "rollout": "1"}, "request is another one"),
        ({"request": "token create", "rollout": "1"}, "request is another one"),
        ({"request": "rollout pause", "rollout": "x"}, "rollout is"),
        ({"request": "rollout pause", "rollout": "99"}, "rollout is 99"),
        ({"request": "rollout start", "rollout": "1"}, "which is running"),
        ({}, "request is another one"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    fleet: Fleet, client: FlaskClient, form: dict[str, str], said: str
) -> None:
    fleet.start()
    answer = client.post("/fleet/rollouts", data=form, base_url=HTTPS, headers=bearer(fleet) | OURS)
    assert answer.status_code == 400
    assert said in unescape(answer.text)
