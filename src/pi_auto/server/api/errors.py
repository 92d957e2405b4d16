"""Every refusal of the API as JSON: `{"error": "<sentence>"}`; `field`, `value`, `allowed` name a field at fault.

No answer under /api/ is ever HTML, and none shows what only the operator may see.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

from flask import Blueprint, Response, request
from flask.blueprints import BlueprintSetupState
from flask.sansio.app import App
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from pi_auto.server.api.answers import respond
from pi_auto.server.links.base import HubFailed, HubUnavailable
from pi_auto.server.store.engine import StoreError
from pi_auto.server.store.writer import Busy
from pi_auto.wire.errors import FieldError

RETRY_AFTER = 5  # seconds
_log = logging.getLogger(__name__)

_LATER: Mapping[type[Exception], str] = {
    Busy: "the server has too much to write",
    FutureTimeout: "the server could not write in time",
    PoolTimeout: "the server has too much to read",
    OperationalError: "the server cannot reach its books",
    StoreError: "the server cannot open its books",
    HubUnavailable: "the hub cannot be reached",
    HubFailed: "the hub cannot be started",
}


class Crowded(Exception):  # noqa: N818 - a condition that passes
    """So many others do the same that this request has to come again; the sentence says what they do.

    `retry_after` in seconds; the `status` is 429 where it is the caller alone who does too much.
    """

    def __init__(self, sentence: str, *, retry_after: int = RETRY_AFTER, status: int = 503) -> None:
        super().__init__(sentence)
        self.retry_after, self.status = retry_after, status


class ApiError(Exception):
    """A request that is refused with this status and sentence; `field` as in FieldError."""

    def __init__(self, status: int, sentence: str, *, field: FieldError | None = None) -> None:
        super().__init__(sentence)
        self.status, self.field = status, field


def answer_to(error: Exception) -> Response:
    """The response that tells the caller what is wrong, and whether later is better."""
    if isinstance(error, FieldError):
        return _refusal(400, str(error), error)
    if isinstance(error, ApiError):
        return _refusal(error.status, str(error), error.field)
    if isinstance(error, HTTPException):
        return _http(error)
    if isinstance(error, Crowded):
        return _later(str(error), error.retry_after, error.status)
    for kind, sentence in _LATER.items():
        if isinstance(error, kind):
            cause = getattr(error, "orig", None) or error  # SQLAlchemy adds SQL, values and a link
            _log.warning("%s %s: %s: %s", request.method, request.path, sentence, cause)
            return _later(sentence)
    _log.error("%s %s failed", request.method, request.path, exc_info=error)
    return _refusal(500, "the server failed on this request; its log says how")


def answer_everything_in(blueprint: Blueprint) -> None:
    """Answer all errors of the blueprint's views, and of its paths where no view was found."""
    blueprint.register_error_handler(Exception, answer_to)
    blueprint.record_once(_answer_routing)


def _answer_routing(state: BlueprintSetupState) -> None:
    """A wrong path or method belongs to no blueprint, so the app answers; where it does so already, that stays."""
    prefix = f"{state.url_prefix or ''}/api/"

    def answer(error: HTTPException) -> Response | HTTPException:
        return answer_to(error) if request.path.startswith(prefix) else error

    app = state.app
    for status in (404, 405):
        if not _has_handler(app, status):
            app.register_error_handler(status, answer)


def _has_handler(app: App, status: int) -> bool:
    return bool(app.error_handler_spec[None][status])


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    sentences = {
        404: f"there is no {request.path} here",
        405: f"{request.path} does not take {request.method}",
    }
    response = _refusal(status, sentences.get(status) or error.description or error.name)
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def _refusal(status: int, sentence: str, field: FieldError | None = None) -> Response:
    body: dict[str, Any] = {"error": sentence}
    if field:
        body |= {"field": field.field, "value": field.value, "allowed": field.allowed}
    response = respond(body, status)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="pi-auto"'
    return response


def _later(sentence: str, seconds: int = RETRY_AFTER, status: int = 503) -> Response:
    response = _refusal(status, f"{sentence}; try again in {seconds} s")
    response.headers["Retry-After"] = str(seconds)
    return response
