"""The page on which a person signs in, and that stands in the place of any other until they have."""

from __future__ import annotations

from flask import Response, request, url_for

from pi_auto.server.console.assets import stamped
from pi_auto.server.console.markup import render

COMMAND = "pi-auto-server operator link --data DATA"  # where the data are is nobody's business who has no link


def wants_page() -> bool:
    """Whether the request is a browser's that shows what it gets, and not a script's."""
    return "text/html" in request.headers.get("Accept", "")


def login_page(link: str = "", problem: str = "", status: int = 200) -> Response:
    """The page: with a link it has the button that uses it, without one it says where to get one."""
    html = render(
        "login.html",
        link=link,
        problem=problem,
        command=COMMAND,
        login=url_for("operators.login"),
        addresses={
            "fleet": "",  # no other page is for whoever has yet to sign in
            "icon": url_for("console.asset", stamped=stamped("icon.svg")),
            "css": url_for("console.asset", stamped=stamped("console.css")),
        },
    )
    return Response(html, status, mimetype="text/html")
