"""The console's addresses: `/` the page, `/live` what changes on it, `/assets/…` its files, the calibration sheet.

There is nothing to click that alters anything. Who may look is the gate's affair (operators/gate.py), where the
server has a fleet; one without listens on loopback unless an option with a warning in its name says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, abort, current_app, g, request, url_for
from flask.blueprints import BlueprintSetupState

from pi_auto.server.api.answers import respond
from pi_auto.server.api.errors import answer_to
from pi_auto.server.console.assets import find_asset
from pi_auto.server.console.content import Seen
from pi_auto.server.console.frames import Press
from pi_auto.server.console.page import Addresses, home_page
from pi_auto.server.console.queries import PageFilter
from pi_auto.server.console.request import filter_of, seen_of
from pi_auto.server.console.stream import Seats, stream
from pi_auto.server.context import Context, current
from pi_auto.sheet.printing import FORMS, printed

EXTENSION = "pi_auto_console"
_RETRY_AFTER = "30"  # seconds

SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

console = Blueprint("console", __name__)
console.register_error_handler(Exception, answer_to)


@console.record_once
def _prepare(state: BlueprintSetupState) -> None:
    state.app.extensions[EXTENSION] = (Press(), Seats())


@console.after_request
def _protect(response: Response) -> Response:
    response.headers.update(SECURITY)
    response.headers.setdefault("Cache-Control", "no-store")
    return response


@console.get("/")
def home() -> str:
    """The page."""
    return home_page(current(), filter_of(request.args), _addresses(), g.operator.name if "operator" in g else "")


def _addresses() -> Addresses:
    pages = ("fleet.page", "fleet.rollouts", "fleet.audit", "operators.logout")
    has_fleet = "fleet.page" in current_app.view_functions
    fleet = (
        dict(zip(("fleet", "rollouts", "audit", "logout"), map(url_for, pages), strict=True)) if has_fleet else {}
    )
    return Addresses(
        home=url_for("console.home"),
        live=url_for("console.live"),
        assets=url_for("console.asset", stamped=""),
        server=request.host_url.rstrip("/"),
        sheet=url_for("console.calibration_sheet", form="pdf"),
        **fleet,
    )


@console.get("/live")
def live() -> Response:
    """What the page lacks: a stream of frames where events are asked for and a seat is free, else one frame."""
    context, seen = current(), seen_of(request.args, request.headers.get("Last-Event-ID"))
    press, seats = current_app.extensions[EXTENSION]
    with context.store.engine.connect() as connection:
        wanted = filter_of(request.args).scans(connection)
    if request.method == "HEAD" or "text/event-stream" not in request.headers.get("Accept", ""):
        return Response(press.frame(context, wanted, seen).body, mimetype="application/json")
    return _streaming(context, press, seats, wanted, seen)


@console.get("/assets/<stamped>")
def asset(stamped: str) -> Response:
    """A file under the name that holds its digest: it never changes."""
    found = find_asset(stamped) or abort(404)
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(found.content, content_type=found.type, headers=headers)


@console.get("/calibration-sheet.<form>")
def calibration_sheet(form: str) -> Response:
    """The sheet that teaches a device its scanner's keyboard layout, to print, as pdf or svg."""
    if form not in FORMS:
        abort(404)
    media_type, content = printed(form)
    return Response(content, content_type=media_type)


def _streaming(context: Context, press: Press, seats: Seats, wanted: PageFilter, seen: Seen) -> Response:
    leave = seats.take()
    if leave is None:
        return _full(seats.most)
    is_let_in: Callable[[], bool] = g.get("is_let_in", lambda: True)  # a server without a fleet has no gate
    response = Response(stream(context, press, wanted, seen, is_let_in), mimetype="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold the events back
    response.call_on_close(leave)
    return response


def _full(most: int) -> Response:
    told = (
        f"{most} live pages are open, as many as this server streams to; ask for application/json and poll instead"
    )
    response = respond({"error": told}, 503)
    response.headers["Retry-After"] = _RETRY_AFTER
    return response
