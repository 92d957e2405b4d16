"""Who may call what: one table of all routes, and a guard before each.

A route that is not in the table keeps the server from starting, so that nobody forgets one. What
devices call checks itself, by a signature or by the device's token.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from functools import wraps
from http.client import UNAUTHORIZED
from typing import Any

from flask import Flask, Response, g, request
from sqlalchemy import Connection

from pi_auto.server.api.auth import authenticate
from pi_auto.server.api.errors import ApiError, answer_to
from pi_auto.server.context import Context, current
from pi_auto.server.operators.letting_in import operator_of_session
from pi_auto.server.operators.login_page import login_page, wants_page
from pi_auto.server.operators.rules import TOKEN, Operator, Scope, is_forged
from pi_auto.server.operators.tokens import operator_of_token
from pi_auto.server.plain.port import LOCAL
from pi_auto.server.proven import PROVED


class Open(Enum):
    """Routes that no operator has to be let in for."""

    EVERYBODY = auto()
    OWN_CHECK = auto()  # a signature, or the device's token, which the view itself looks at
    DEVICE = auto()  # the device's token, which the guard looks at


ACCESS: dict[str, Open | Scope] = {
    "pi_api.health": Open.EVERYBODY,
    "pi_api.register_device": Open.OWN_CHECK,
    "pi_api.nonce": Open.EVERYBODY,
    "pi_api.renew_token": Open.OWN_CHECK,
    "pi_api.fleet_proof": Open.EVERYBODY,
    "pi_api.fleet_card": Open.EVERYBODY,
    "pi_api.receive_scans": Open.OWN_CHECK,
    "pi_api.receive_diagnostics": Open.OWN_CHECK,
    "pi_api.list_scans": Scope.READ,
    "pi_api.pi_devices": Scope.READ,
    "pi_api.pi_device": Scope.READ,
    "pi_api.check_update": Open.DEVICE,
    "pi_api.download_update": Open.DEVICE,
    "pi_api.metadata": Open.DEVICE,
    "pi_api.update_status": Open.DEVICE,
    "console.home": Scope.READ,
    "console.live": Scope.READ,
    "console.asset": Open.EVERYBODY,
    "console.calibration_sheet": Scope.READ,
    "fleet.page": Scope.DEVICES,
    "fleet.audit": Scope.DEVICES,
    "fleet.rollouts": Scope.DEVICES,
    "fleet.act_rollouts": Scope.FLEET,
    "fleet.hand_out_card": Scope.FLEET,
    "fleet.act_devices": Scope.DEVICES,
    "fleet.act_fleet": Scope.FLEET,
    "fleet.act_operators": Scope.OPERATORS,
    "operators.show_login": Open.EVERYBODY,
    "operators.login": Open.EVERYBODY,
    "operators.logout": Open.EVERYBODY,
}
_FOR_THIS_MACHINE = ("pi_api.pi_devices", "pi_api.pi_device")
_PAGES = ("console.home", "fleet.page", "fleet.audit", "fleet.rollouts")
_SIGNED_OUT = "You are not signed in any more, so nothing was done. Sign in, and do it once more."
COOKIE = "__Host-pi_auto_session"


def guard(app: Flask) -> None:
    """Put a guard before every view. Raises LookupError for a route that nobody has thought about."""
    missing = {rule.endpoint for rule in app.url_map.iter_rules()} - set(ACCESS)
    if missing:
        raise LookupError(f"operators/gate.py does not say who may call {', '.join(sorted(missing))}")
    for endpoint, view in app.view_functions.items():
        app.view_functions[endpoint] = _guarded(endpoint, view)


def _guarded(endpoint: str, view: Callable[..., Any]) -> Callable[..., Any]:
    access = ACCESS[endpoint]
    if access in {Open.EVERYBODY, Open.OWN_CHECK}:
        return view

    @wraps(view)
    def call(**arguments: Any) -> Any:
        try:
            _check(endpoint, access)
        except ApiError as error:
            return _sign_in(error) if endpoint in _PAGES or _is_shown(endpoint) else answer_to(error)
        return view(**arguments)

    return call


def _check(endpoint: str, access: Open | Scope) -> None:
    """Let the request pass, or raise ApiError 401 or 403."""
    context = current()
    if access is Open.DEVICE:
        g.device = authenticate(context, request.headers.get("Authorization"))
        request.environ[PROVED] = True
        return
    if endpoint in _FOR_THIS_MACHINE and request.environ.get(LOCAL):
        return
    look, by_session = _looker(context)
    operator = look()
    if operator and by_session and is_forged(request.method, dict(request.headers), request.host):
        raise ApiError(403, "this request does not come from a page of this server")
    if operator is None:
        raise ApiError(401, "this needs an operator: `Authorization: Bearer <operator's token>`, or a session;"
                            " `pi-auto-server operator link` and `operator token-create` make either")  # fmt: skip
    if isinstance(access, Scope) and not operator.may(access):
        raise ApiError(403, f"{operator.name} has no scope {access}")
    g.operator = operator
    request.environ[PROVED] = True
    g.is_let_in = lambda: look() is not None  # an answer may last longer than the right to it


def _looker(context: Context) -> tuple[Callable[[], Operator | None], bool]:
    """What finds whose token or session the request carries, as it is then; and whether it is a session."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and TOKEN.match(token):
        return lambda: _look_up(context, lambda books: operator_of_token(books, token, context.clock())), False
    session = request.cookies.get(COOKIE, "")
    return lambda: _look_up(context, lambda books: operator_of_session(books, session, context.latest())), True


def _look_up(context: Context, find: Callable[[Connection], Operator | None]) -> Operator | None:
    with context.store.engine.connect() as connection:
        return find(connection)


def _is_shown(endpoint: str) -> bool:
    """Whether a person sees the answer: a button was pressed, hours after the page was opened perhaps."""
    return wants_page() and not endpoint.startswith("pi_api.")


def _sign_in(error: ApiError) -> Response:
    """What a person sees who opens the page without a session, or without the right scope."""
    if not wants_page():
        return Response(f"{error}\n", error.status, {"Cache-Control": "no-store"}, mimetype="text/plain")
    problem = str(error)
    if error.status == UNAUTHORIZED:
        problem = _SIGNED_OUT if request.method == "POST" else ""
    page = login_page(problem=problem, status=error.status)
    page.headers["Cache-Control"] = "no-store"
    return page
