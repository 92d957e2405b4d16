"""What a person sees at an address that is no page's: a mistyped one, or one that only buttons lead to.

In our own app alone; in somebody else's, pages that are not there are theirs. Under /api/ the API answers.
"""

from __future__ import annotations

from flask import Flask, Response, request, url_for
from werkzeug.exceptions import HTTPException

from pi_auto.server.api.errors import answer_to
from pi_auto.server.console.assets import stamped
from pi_auto.server.console.markup import render
from pi_auto.server.console.routes import SECURITY
from pi_auto.server.operators.login_page import wants_page


def answer_the_lost(app: Flask) -> None:
    """Have the app answer so, in the place of its framework's own page."""
    for status in (404, 405):
        app.register_error_handler(status, _answer)


def _answer(error: HTTPException) -> Response:
    if request.path.startswith("/api/") or not wants_page():
        return answer_to(error)
    html = render(
        "lost.html",
        path=request.path[:200],
        home=url_for("console.home"),
        addresses={
            "fleet": "",  # whoever is lost may be a stranger
            "icon": url_for("console.asset", stamped=stamped("icon.svg")),
            "css": url_for("console.asset", stamped=stamped("console.css")),
        },
    )
    response = Response(html, error.code, SECURITY | {"Cache-Control": "no-store"}, mimetype="text/html")
    if allowed := dict(error.get_headers()).get("Allow"):
        response.headers["Allow"] = allowed
    return response
