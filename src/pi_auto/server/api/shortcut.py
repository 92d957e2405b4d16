"""Takes POST /api/scans past Flask's dispatch, which is a quarter of what taking one scan costs.

The ordinary view stays, and everything that is not plain goes its way: an app that guards
the blueprint by hooks, middleware or an outer blueprint is served as it expects. A refusal
is answered as the view's would be.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask
from flask.blueprints import BlueprintSetupState

from pi_auto.server.api.answers import HEADERS, to_json
from pi_auto.server.api.errors import answer_to
from pi_auto.server.api.scans import take_batch
from pi_auto.server.context import context_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment  # for type checkers only

_PATH = "/api/scans"


def install(state: BlueprintSetupState) -> None:
    """Put the shortcut before the app that the blueprint is registered on."""
    app = state.app
    guarded = "wsgi_app" in vars(app) or state.name_prefix or state.subdomain
    if guarded or not isinstance(app, Flask):
        return
    ordinary = app.wsgi_app
    path, blueprint = f"{state.url_prefix or ''}{_PATH}", state.name

    def shortcut(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        ours = environ["REQUEST_METHOD"] == "POST" and environ.get("PATH_INFO") == path
        if not ours or _has_hooks(app, blueprint):
            return ordinary(environ, start_response)
        return _answer(app, environ, start_response)

    app.wsgi_app = shortcut  # type: ignore[method-assign] # the way Flask documents for middleware


def _answer(app: Flask, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    try:
        body = to_json(take_batch(context_of(app), environ).to_json()).encode() + b"\n"
    except Exception as error:  # noqa: BLE001 - `answer_to` knows them all
        with app.request_context(environ):
            return answer_to(error)(environ, start_response)
    length = ("Content-Length", str(len(body)))
    start_response("200 OK", [("Content-Type", "application/json"), *HEADERS.items(), length])
    return (body,)


def _has_hooks(app: Flask, blueprint: str) -> bool:
    """Whether somebody wants to see each request of the app or of the blueprint."""
    hooks = (app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs)
    return any(owner in functions for functions in hooks for owner in (None, blueprint))
