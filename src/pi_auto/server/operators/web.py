"""Signing in by a one-time link, and out. Opening the link uses nothing up: a mail program may look first."""

from __future__ import annotations

import time
from datetime import datetime

from flask import Blueprint, Response, request
from sqlalchemy import Connection

from pi_auto.server.api.bodies import form_of
from pi_auto.server.api.errors import ApiError, answer_to
from pi_auto.server.api.writing import committed
from pi_auto.server.audit.trail import Entry, count, note
from pi_auto.server.console.routes import SECURITY
from pi_auto.server.context import Context, current
from pi_auto.server.enrolment.limits import Limiter
from pi_auto.server.enrolment.waiting import network_of
from pi_auto.server.operators.gate import COOKIE
from pi_auto.server.operators.letting_in import ADMIN, end_session, link_file, operator_of_session, use_link
from pi_auto.server.operators.login_page import login_page, wants_page
from pi_auto.server.operators.rules import SESSION, SESSION_LASTS, is_forged

_MOST_FORM = 1024  # bytes
_TO_A_PERSON = {
    403: "This link is not, or no longer, good.",
    429: "Too many links from your address were wrong. Try again in a minute.",
}
_limiter = Limiter(10, 60.0, time.monotonic)  # wrong links of one address a minute
operators = Blueprint("operators", __name__)
operators.register_error_handler(Exception, answer_to)


@operators.after_request
def _protect(response: Response) -> Response:
    response.headers.update(SECURITY | {"Cache-Control": "no-store"})
    return response


@operators.get("/login")
def show_login() -> Response:
    """A page with one button, which uses the link up."""
    return login_page(request.args.get("link", "")[:100])


@operators.post("/login")
def login() -> Response:
    """A session for a link that is good."""
    context, address = current(), request.remote_addr or ""
    if is_forged(request.method, dict(request.headers), request.host):
        raise ApiError(403, "this request does not come from a page of this server")
    if _limiter.wait(address):
        return _refuse(429, "too many links of this address were wrong; try again in a minute")
    link, now = form_of(request, _MOST_FORM).get("link", ""), context.clock()
    session = committed(context, lambda books: _signed_in(books, link, address, now, context.latest()))
    if session is None:
        _limiter.failed(address)
        if wants_page() and _is_signed_in(context):  # the link that has let this browser in, opened once more
            return Response(status=303, headers={"Location": "/"})
        return _refuse(403, "the link is not, or no longer, good; `pi-auto-server operator link` makes another")
    link_file(context.settings.data).unlink(missing_ok=True)
    response = Response(status=303, headers={"Location": "/"})
    seconds = int(SESSION_LASTS.total_seconds())
    response.set_cookie(COOKIE, session, max_age=seconds, secure=True, httponly=True, samesite="Lax", path="/")
    return response


def _is_signed_in(context: Context) -> bool:
    with context.store.engine.connect() as books:
        return operator_of_session(books, request.cookies.get(COOKIE, ""), context.latest()) is not None


def _signed_in(books: Connection, link: str, address: str, now: datetime, latest: datetime) -> str | None:
    """A session's secret for a link that is good; the audit trail tells of either."""
    session = use_link(books, link, latest)
    if session is None:
        count(books, Entry("stranger", "login", ADMIN, "refused", address), network_of(address), now)
    else:
        note(books, Entry(ADMIN, "login", ADMIN, "signed in", address), now)
    return session


def _refuse(status: int, sentence: str) -> Response:
    if wants_page():
        return login_page(problem=_TO_A_PERSON[status], status=status)
    raise ApiError(status, sentence)


@operators.post("/logout")
def logout() -> Response:
    """End the session."""
    context, session = current(), request.cookies.get(COOKIE, "")
    if is_forged(request.method, dict(request.headers), request.host):
        raise ApiError(403, "this request does not come from a page of this server")
    if SESSION.match(session):
        committed(context, lambda books: end_session(books, session))
    response = Response(status=303, headers={"Location": "/login"})
    response.delete_cookie(COOKIE, secure=True, httponly=True, samesite="Lax", path="/")
    return response
