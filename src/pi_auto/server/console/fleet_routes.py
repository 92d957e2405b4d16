"""The administrators' addresses: `/fleet` the page, `/fleet/audit` the trail, and what its buttons do.

There with trust alone. The gate has let the operator in, and has seen that a request that alters
something comes from a page of this server (operators/gate.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, g, request, url_for
from werkzeug.datastructures import MultiDict

from pi_auto.server.admin.administrator import Administrator
from pi_auto.server.admin.requests import REQUESTS, answer
from pi_auto.server.api.bodies import form_of
from pi_auto.server.api.errors import answer_to
from pi_auto.server.console.assets import stamped
from pi_auto.server.console.audit_page import audit_page
from pi_auto.server.console.fleet_page import DONE, Asked, Notice, fleet_page, notice_of, refused
from pi_auto.server.console.routes import SECURITY
from pi_auto.server.context import current
from pi_auto.server.operators.rules import Operator, Scope
from pi_auto.wire.errors import FieldError

MOST_FORM = 8 * 1024  # bytes
_NUMBERS = ("days", "most")
_TEXTS = ("request", "serial", "fingerprint", "device_id", "reason", "policy", "name")

fleet = Blueprint("fleet", __name__)
fleet.register_error_handler(Exception, answer_to)


@fleet.after_request
def _protect(response: Response) -> Response:
    response.headers.update(SECURITY | {"Cache-Control": "no-store"})
    return response


@fleet.get("/fleet")
def page() -> str:
    """The page."""
    done = request.args.get("done", "")
    notice = Notice(DONE[done]) if done in DONE else None
    return page_with(notice)


@fleet.get("/fleet/audit")
def audit() -> str:
    """The audit trail."""
    return audit_page(current(), g.operator.name, request.args, addresses())


def _acting(scope: Scope) -> Callable[[], Any]:
    """The view that answers the requests of one scope, which the gate has asked for."""

    def act() -> Any:
        question = _question()
        wanted = REQUESTS.get(question.get("request", ""))
        if wanted is None or wanted[0] is not scope:
            return page_with(
                refused(FieldError("request", "another one", f"one that needs the scope {scope}"))
            ), 400
        try:
            notice = notice_of(question["request"], answer(admin(), question))
        except FieldError as error:
            return page_with(refused(error)), 400
        if notice.secret or notice.bad:
            return page_with(notice)
        there = url_for("fleet.page", done=question["request"], device=_wanted() or None)
        return Response(status=303, headers={"Location": there})

    return act


for _scope in (Scope.DEVICES, Scope.FLEET, Scope.OPERATORS):
    fleet.add_url_rule(f"/fleet/{_scope}", endpoint=f"act_{_scope}", view_func=_acting(_scope), methods=["POST"])


def _question() -> dict[str, Any]:
    """The form as the administrator's socket would be asked; an empty field counts as absent."""
    form = form_of(request, MOST_FORM)
    question: dict[str, Any] = {name: form[name].strip() for name in _TEXTS if form.get(name, "").strip()}
    for name in _NUMBERS:
        if digits := form.get(name, "").strip():
            question[name] = number_of(digits)
    if scopes := form.getlist("scopes"):
        question["scopes"] = scopes
    return question


def number_of(field: str) -> int | str:
    """The number that a field holds; else its text, which is refused by whoever wants a number."""
    digits = field.strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else digits


def admin() -> Administrator:
    """Whoever asks, as the gate has let them in."""
    who: Operator = g.operator
    return Administrator(current(), who.name, request.remote_addr)


def page_with(notice: Notice | None) -> str:
    """The page, and what came of the last click; what was typed into a refused form stands there still."""
    typed: MultiDict[str, str] = request.form if notice and notice.bad else MultiDict()
    return fleet_page(admin(), g.operator, notice, Asked(_wanted(), typed), addresses())


def _wanted() -> str:
    """The filter of the devices: of the page's address, or of the page that a button was pressed on."""
    return request.values.get("device", "")[:64].strip()


def addresses() -> dict[str, str]:
    """Where the links and buttons of the pages lead."""
    return {
        "home": url_for("console.home"),
        "fleet": url_for("fleet.page"),
        "audit": url_for("fleet.audit"),
        "rollouts": url_for("fleet.rollouts"),
        "act_card": url_for("fleet.hand_out_card"),
        "act_rollouts": url_for("fleet.act_rollouts"),
        "logout": url_for("operators.logout"),
        "css": url_for("console.asset", stamped=stamped("console.css")),
        "icon": url_for("console.asset", stamped=stamped("icon.svg")),
    } | {f"act_{scope}": url_for(f"fleet.act_{scope}") for scope in (Scope.DEVICES, Scope.FLEET, Scope.OPERATORS)}
