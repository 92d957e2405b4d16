"""The fleet card by the administrators' page: whole, audited, to whoever may have it and nobody else."""

from __future__ import annotations

import subprocess
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from pi_auto.server.admin.installer import own_script
from pi_auto.server.app import create_app
from pi_auto.server.audit.tables import audit
from pi_auto.server.context import Context, open_context
from pi_auto.server.enrolment.tables import batches
from pi_auto.server.operators import letting_in, tokens
from pi_auto.server.operators.rules import EVERYTHING, Scope
from pi_auto.server.settings import Address, Settings
from pi_auto.wire.fleet_card import FleetCard
from support.enrolling import Desk, box

HTTPS = "https://fleet.local"
OURS = {"Sec-Fetch-Site": "same-origin"}
LIMITS = {"most": "100", "days": "30"}
ROOT = Path(__file__).parents[3]


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    place = Address("127.0.0.1", 5443)
    opened = open_context(Settings(tmp_path / "data", trust=True, https=place, server_names=("fleet.lan",)))
    yield opened
    opened.close()


@pytest.fixture
def client(context: Context) -> FlaskClient:
    return create_app(context.settings, context).test_client()


def bearer(context: Context, *scopes: Scope) -> dict[str, str]:
    made = context.writer.submit(
        lambda books: tokens.create_token(books, "ann", frozenset(scopes) or EVERYTHING, None, context.clock())
    ).result(10)
    return {"Authorization": f"Bearer {made}"}


def ask(client: FlaskClient, who: dict[str, str], **form: str) -> TestResponse:
    return client.post("/fleet/card", data=LIMITS | form, base_url=HTTPS, headers=who | OURS)


def trail(context: Context) -> list[tuple[str, str, str, dict[str, object]]]:
    with context.store.engine.connect() as connection:
        rows = connection.execute(select(audit).order_by(audit.c.number))
        return [
            (row.actor, row.action, row.outcome, row.detail) for row in rows if row.action in {"card", "batch"}
        ]


def card_in(script: str) -> FleetCard:
    """What the installer itself would find."""
    shown = script.replace('main "$@"', 'printf %s "$PI_AUTO_FLEET_CARD"')
    told = subprocess.run(["bash", "-c", shown], capture_output=True, text=True, check=True).stdout
    return FleetCard.parse(b64decode(told))


def test_the_card_alone_names_the_server_and_holds_no_secret(context: Context, client: FlaskClient) -> None:
    answer = ask(client, bearer(context), **{"as": "card", "servers": ""})
    assert answer.headers["Content-Disposition"] == 'attachment; filename="fleet.json"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert context.fleet
    card = FleetCard.parse(answer.data)
    assert (card.fleet_id, card.ca, card.batch_token) == (
        context.fleet.fleet_id,
        context.fleet.authority.pem,
        None,
    )
    assert [str(each) for each in card.servers] == ["fleet.lan:5443"]
    assert trail(context) == [("ann", "card", "handed out", {})]


def test_the_installer_has_a_card_inside_with_which_a_device_gets_in(
    context: Context, client: FlaskClient
) -> None:
    form = {
        "as": "installer",
        "servers": "10.1.2.3:6000, public:fleet.example.org:443",
        "batch": "spring",
        "most": "1",
    }
    answer = ask(client, bearer(context), **form)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="install_pi_client.sh"'
    card = card_in(answer.text)
    assert [(str(each), each.certificate) for each in card.servers] == [
        ("10.1.2.3:6000", "fleet"), ("fleet.example.org:443", "public"),
    ]  # fmt: skip
    desk = Desk(context.store, context.writer, context.clock())
    assert desk.enrol(box(), batch_token=card.batch_token).verdict.value == "batch"
    assert desk.enrol(box("10000000ffffffff"), batch_token=card.batch_token).token is None  # it was for one device
    assert trail(context) == [
        ("ann", "batch", "made", {"most": 1}),
        ("ann", "card", "handed out", {"in": "the installer", "batch": "spring"}),
    ]


def test_the_servers_own_installer_is_that_of_the_release() -> None:
    assert own_script() == (ROOT / "install" / "install_pi_client.sh").read_text()


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"as": "else"}, "card, installer"),
        ({}, "card, installer"),
        ({"as": "card", "servers": "http://fleet.lan"}, "servers[0]"),
        ({"as": "card", "servers": "a.lan:5443 b.lan:99999"}, "servers[1]"),
        ({"as": "card", "servers": "a.lan " * 200}, "servers"),
        ({"as": "installer", "batch": "a b"}, "letters, digits, dots and dashes"),
        ({"as": "installer", "batch": "spring", "most": "many"}, "most"),
        ({"as": "installer", "batch": "spring", "days": "0"}, "days"),
        ({"as": "installer", "batch": "spring", "days": "367"}, "days"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason_and_leaves_no_token(
    context: Context, client: FlaskClient, form: dict[str, str], told: str
) -> None:
    answer = ask(client, bearer(context), **form)
    assert answer.status_code == 400
    assert "That was not done" in answer.text
    assert told in answer.text
    assert "Content-Disposition" not in answer.headers
    assert trail(context) == []


def test_a_batch_has_one_token_and_a_second_click_says_so(context: Context, client: FlaskClient) -> None:
    ann = bearer(context)
    assert ask(client, ann, **{"as": "card", "batch": "spring"}).status_code == 200
    again = ask(client, ann, **{"as": "card", "batch": "spring"})
    assert again.status_code == 400
    assert "a name that no batch has or had" in again.text
    with context.store.engine.connect() as connection:
        assert [row.name for row in connection.execute(select(batches))] == ["spring"]


def test_a_form_of_a_megabyte_is_refused(context: Context, client: FlaskClient) -> None:
    assert ask(client, bearer(context), **{"as": "card", "servers": "a" * 1_000_000}).status_code == 413


@pytest.mark.parametrize("scope", [Scope.READ, Scope.DEVICES, Scope.OPERATORS], ids=str)
def test_who_lacks_the_scope_gets_no_card_and_sees_no_form(
    context: Context, client: FlaskClient, scope: Scope
) -> None:
    who = bearer(context, scope)
    assert ask(client, who, **{"as": "card", "batch": "spring"}).status_code == 403
    assert "/fleet/card" not in client.get("/fleet", base_url=HTTPS, headers=who).text
    assert trail(context) == []


@pytest.mark.parametrize(
    "headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}], ids=str
)
def test_another_sites_page_gets_no_card_with_a_session_of_ours(
    context: Context, client: FlaskClient, headers: dict[str, str]
) -> None:
    link = context.writer.submit(lambda books: letting_in.make_link(books, context.clock())).result(10)
    assert client.post("/login", data={"link": link}, base_url=HTTPS, headers=OURS).status_code == 303
    form = LIMITS | {"as": "installer", "batch": "spring"}
    assert client.post("/fleet/card", data=form, base_url=HTTPS, headers=headers).status_code == 403
    assert client.get("/fleet/card", base_url=HTTPS).status_code == 405
    assert trail(context) == []
