"""Every route there is: without a right it answers 401 or 403, and the table says of each who has that right."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from pi_auto.server.admin import administrator, people
from pi_auto.server.admin.administrator import Administrator
from pi_auto.server.api.body_seats import OPERATORS, STRANGERS
from pi_auto.server.app import create_app
from pi_auto.server.audit.tables import audit
from pi_auto.server.context import Context, open_context
from pi_auto.server.enrolment.limits import Limiter
from pi_auto.server.operators import letting_in, tokens, web
from pi_auto.server.operators.gate import ACCESS, COOKIE, Open
from pi_auto.server.operators.rules import EVERYTHING, Scope
from pi_auto.server.operators.tables import operator_sessions
from pi_auto.server.settings import Settings
from pi_auto.wire.fields import Fields
from support.slow_bodies import slow_bodies

HTTPS = "https://fleet.local"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
OURS = {"Sec-Fetch-Site": "same-origin"}
# What strangers may call, each with the reason that it harms nobody.
FOR_EVERYBODY = {
    "GET /api/health", "POST /api/register_device/nonce", "POST /api/fleet_proof", "GET /api/fleet_card",
    "GET /assets/<stamped>", "GET /login", "POST /login", "POST /logout",
}  # fmt: skip


@pytest.fixture
def app(context: Context, monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setattr(web, "_limiter", Limiter(10, 60.0, lambda: 1000.0))
    return create_app(context.settings, context)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def token(context: Context, *scopes: Scope) -> dict[str, str]:
    made = context.writer.submit(
        lambda books: tokens.create_token(books, "script", frozenset(scopes), None, context.clock())
    ).result(10)
    return {"Authorization": f"Bearer {made}"}


def link(context: Context) -> str:
    return context.writer.submit(lambda books: letting_in.make_link(books, context.clock())).result(10)


def signed_in(context: Context, client: FlaskClient) -> FlaskClient:
    answer = client.post("/login", data={"link": link(context)}, base_url=HTTPS, headers=OURS)
    assert answer.status_code == 303, answer.text
    return client


def routes(app: Flask) -> list[tuple[str, str, str]]:
    return [
        (method, rule.rule, rule.endpoint)
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def path_of(rule: str) -> str:
    return re.sub(r"<[^>]+>", "x", rule)


def test_without_a_right_every_route_answers_401_or_403(app: Flask, client: FlaskClient) -> None:
    answered = set()
    for method, rule, endpoint in routes(app):
        if ACCESS[endpoint] is Open.EVERYBODY:
            answered.add(f"{method} {rule}")
            continue
        body = {"device_id": "pi-1a2b3c4d", "device_type": "raspberry_pi", "timestamp": "2026-11-23T12:00:00Z",
                "system_info": {}, "client_version": "1.0.0"}  # fmt: skip
        answer = client.open(path_of(rule), method=method, json=body if method == "POST" else None, base_url=HTTPS)
        # A renewal without an envelope is no question at all; with one it is tried in tests/server/api.
        wanted = {400} if endpoint == "pi_api.renew_token" else {401, 403}
        assert answer.status_code in wanted, f"{method} {rule}: {answer.status_code}"
    assert answered == FOR_EVERYBODY


def test_a_guessed_or_foreign_token_opens_no_route(app: Flask, client: FlaskClient) -> None:
    for guess in ("operator_" + "a" * 43, "a" * 43, "session_" + "a" * 43, "", "x" * 5000):
        for method, rule, endpoint in routes(app):
            if isinstance(ACCESS[endpoint], Scope) or ACCESS[endpoint] is Open.DEVICE:
                headers = {"Authorization": f"Bearer {guess}", "Cookie": f"{COOKIE}={guess}"}
                answer = client.open(path_of(rule), method=method, base_url=HTTPS, headers=headers)
                assert answer.status_code == 401, f"{method} {rule}"


def test_a_token_opens_what_its_scope_says(context: Context, client: FlaskClient) -> None:
    reading = token(context, Scope.READ)
    assert client.get("/api/scans", base_url=HTTPS, headers=reading).status_code == 200
    assert client.get("/", base_url=HTTPS, headers=reading).status_code == 200
    context.writer.submit(lambda books: tokens.revoke_token(books, "script", context.clock())).result(10)
    assert client.get("/api/scans", base_url=HTTPS, headers=reading).status_code == 401


@pytest.mark.parametrize("ends", ["the token is revoked", "the session is ended", "the session runs out"])
def test_a_live_page_ends_with_the_right_to_see_it(
    context: Context, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    monkeypatch.setattr("pi_auto.server.console.stream.WORD", 0.05)
    headers = {"Accept": "text/event-stream"}
    if ends == "the token is revoked":
        headers |= token(context, Scope.READ)
    else:
        signed_in(context, client)
    live = client.get("/live", base_url=HTTPS, headers=headers)
    events = live.iter_encoded()
    assert len([next(events) for _ in range(5)]) == 5
    if ends == "the token is revoked":
        context.writer.submit(lambda books: tokens.revoke_token(books, "script", context.clock())).result(10)
    elif ends == "the session is ended":
        assert client.post("/logout", base_url=HTTPS, headers=OURS).status_code == 303
    else:
        context.writer.submit(
            lambda books: books.execute(update(operator_sessions).values(expires_at=LONG_AGO))
        ).result(10)
    reader = threading.Thread(target=lambda: list(events), daemon=True)
    reader.start()
    reader.join(10)
    assert not reader.is_alive()
    live.close()


def test_a_token_without_the_scope_is_told_so(context: Context, client: FlaskClient) -> None:
    answer = client.get("/api/scans", base_url=HTTPS, headers=token(context, Scope.FLEET))
    assert answer.status_code == 403
    assert "no scope read" in answer.get_json()["error"]


def test_a_link_signs_in_once_and_the_cookie_is_for_this_site_alone(context: Context, client: FlaskClient) -> None:
    made = link(context)
    page = client.get("/login", query_string={"link": made}, base_url=HTTPS)
    assert page.status_code == 200
    assert client.get("/", base_url=HTTPS).status_code == 401
    answer = client.post("/login", data={"link": made}, base_url=HTTPS, headers=OURS)
    cookie = answer.headers["Set-Cookie"]
    for part in ("__Host-", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in cookie
    assert client.get("/", base_url=HTTPS).status_code == 200
    assert client.post("/login", data={"link": made}, base_url=HTTPS, headers=OURS).status_code == 403
    with context.store.engine.connect() as connection:
        assert [row.outcome for row in connection.execute(audit.select())] == ["signed in", "refused"]


def test_signing_out_ends_the_session(context: Context, client: FlaskClient) -> None:
    signed_in(context, client)
    kept = client.get_cookie(COOKIE, domain="fleet.local")
    assert kept
    assert client.post("/logout", base_url=HTTPS, headers=OURS).status_code == 303
    client.set_cookie(COOKIE, kept.value, domain="fleet.local", secure=True)
    assert client.get("/", base_url=HTTPS).status_code == 401


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_another_sites_page_can_neither_sign_in_nor_out(
    context: Context, client: FlaskClient, path: str, headers: dict[str, str]
) -> None:
    signed_in(context, client)
    answer = client.post(path, data={"link": link(context)}, base_url=HTTPS, headers=headers)
    assert answer.status_code == 403
    assert client.get("/", base_url=HTTPS).status_code == 200


def test_whoever_guesses_links_has_to_wait(context: Context, client: FlaskClient) -> None:
    guesses = [
        client.post("/login", data={"link": "link_" + "a" * 43}, base_url=HTTPS, headers=OURS).status_code
        for _ in range(12)
    ]
    assert guesses == [403] * 10 + [429] * 2
    right = client.post("/login", data={"link": link(context)}, base_url=HTTPS, headers=OURS)
    assert right.status_code == 429


def test_sign_ins_that_never_come_hold_few_threads(context: Context, client: FlaskClient) -> None:
    form = {"base_url": HTTPS, "headers": OURS, "content_type": "application/x-www-form-urlencoded"}
    strangers = [{"REMOTE_ADDR": f"192.0.2.{number % 2}"} for number in range(STRANGERS.most)]
    with slow_bodies(client, "/login", strangers, **form):
        right = client.post("/login", data={"link": link(context)}, base_url=HTTPS, headers=OURS)
        assert (right.status_code, right.headers["Retry-After"]) == (503, "5")
        assert client.get("/", base_url=HTTPS, headers=token(context, Scope.READ)).status_code == 200
    signed_in(context, client)


@pytest.mark.parametrize("path", ["/fleet/devices", "/fleet/rollouts", "/fleet/card"])
def test_forms_of_an_operator_that_never_come_hold_few_threads(
    context: Context, client: FlaskClient, path: str
) -> None:
    own = token(context, *EVERYTHING)
    form = {"base_url": HTTPS, "headers": own, "content_type": "application/x-www-form-urlencoded"}
    with slow_bodies(client, path, [{}] * OPERATORS.each, **form):
        assert client.post(path, data={}, base_url=HTTPS, headers=own).status_code == 503
        assert client.get("/fleet", base_url=HTTPS, headers=own).status_code == 200
    assert client.post(path, data={}, base_url=HTTPS, headers=own).status_code == 400


def test_a_person_without_a_session_is_shown_how_to_get_in(context: Context, client: FlaskClient) -> None:
    for path in ("/", "/fleet", "/login"):
        page = client.get(path, base_url=HTTPS, headers={"Accept": "text/html"})
        assert page.status_code == (200 if path == "/login" else 401)
        assert "You need a link that signs you in" in page.text
        assert "pi-auto-server operator link" in page.text
        assert page.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    page = client.get("/", base_url=HTTPS, headers=token(context, Scope.FLEET) | {"Accept": "text/html"})
    assert (page.status_code, "script has no scope read" in page.text) == (403, True)


def test_a_link_that_is_used_up_is_told_on_the_page(client: FlaskClient) -> None:
    headers = OURS | {"Accept": "text/html"}
    page = client.post("/login", data={"link": "link_" + "a" * 43}, base_url=HTTPS, headers=headers)
    assert page.status_code == 403
    assert "This link is not, or no longer, good." in page.text


def test_a_used_link_leads_a_browser_that_is_signed_in_to_the_scans_and_opens_nothing(
    context: Context, client: FlaskClient
) -> None:
    signed_in(context, client)
    asked = {"data": {"link": "link_" + "a" * 43}, "base_url": HTTPS, "headers": OURS | {"Accept": "text/html"}}
    answer = client.post("/login", **asked)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "Set-Cookie" not in answer.headers
    client.post("/logout", base_url=HTTPS, headers=OURS)
    assert client.post("/login", **asked).status_code == 403
    with context.store.engine.connect() as connection:
        told = [(row.outcome, row.times) for row in connection.execute(audit.select())]
    assert told == [("signed in", 1), ("refused", 2)]


def test_a_link_on_the_page_is_escaped(client: FlaskClient) -> None:
    page = client.get("/login", query_string={"link": '"><script>'}, base_url=HTTPS)
    assert "<script>" not in page.text


def test_a_login_of_a_gigabyte_is_refused(client: FlaskClient) -> None:
    answer = client.post("/login", data={"link": "x" * 100_000}, base_url=HTTPS, headers=OURS)
    assert answer.status_code == 413


def test_a_route_that_nobody_thought_about_keeps_the_server_from_starting(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(ACCESS, "console.live")
    with pytest.raises(LookupError, match=r"console\.live"):
        create_app(context.settings, context)


def test_without_trust_there_is_no_gate(tmp_path: Path) -> None:
    opened = open_context(Settings(data=tmp_path / "plain"))
    try:
        app = create_app(opened.settings, opened)
        assert app.test_client().get("/api/scans").status_code == 200
        assert app.test_client().get("/login").status_code == 404
    finally:
        opened.close()


def test_a_button_pressed_after_the_session_has_ended_shows_how_to_get_in(client: FlaskClient) -> None:
    form = {"request": "link"}
    shown = client.post("/fleet/operators", data=form, base_url=HTTPS, headers=OURS | {"Accept": "text/html"})
    assert shown.status_code == 401
    assert "so nothing was done" in shown.text
    assert "pi-auto-server operator link" in shown.text
    told = client.post("/fleet/operators", data=form, base_url=HTTPS, headers=OURS)
    assert "`operator token-create`" in told.get_json()["error"]


def test_whoever_guesses_links_in_a_browser_reads_it_on_the_page(client: FlaskClient) -> None:
    headers = OURS | {"Accept": "text/html"}
    for _ in range(11):
        page = client.post("/login", data={"link": "link_" + "a" * 43}, base_url=HTTPS, headers=headers)
    assert page.status_code == 429
    assert "Try again in a minute" in page.text


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/fleet/<b>", 404), ("/fleet/devices", 405)])
def test_an_address_of_no_page_is_answered_by_a_page_of_ours(client: FlaskClient, path: str, status: int) -> None:
    page = client.get(path, base_url=HTTPS, headers={"Accept": "text/html"})
    assert page.status_code == status
    assert "There is no page here" in page.text
    assert "<b>" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert client.get(path, base_url=HTTPS).get_json()["error"]


@pytest.mark.parametrize("does", ["sign in", "make a link", "revoke a token"])
def test_what_cannot_be_noted_is_not_done(
    context: Context, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, does: str
) -> None:
    """The audit trail tells of everything, also where the server was killed or its disk was full right then."""
    reading, secret = token(context, Scope.READ), link(context)

    def in_vain(*_: object) -> None:
        raise RuntimeError("it cannot be noted")

    for module in (web, people, administrator):
        monkeypatch.setattr(module, "note", in_vain)
    admin = Administrator(context)
    if does == "sign in":
        assert client.post("/login", data={"link": secret}, base_url=HTTPS, headers=OURS).status_code == 500
    elif does == "make a link":
        with pytest.raises(RuntimeError):
            people.make_link(admin, Fields({}))
    else:
        with pytest.raises(RuntimeError):
            people.revoke_token(admin, Fields({"name": "script"}))
    monkeypatch.undo()
    assert client.get("/api/scans", base_url=HTTPS, headers=reading).status_code == 200
    assert client.post("/login", data={"link": secret}, base_url=HTTPS, headers=OURS).status_code == 303
