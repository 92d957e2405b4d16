"""A device's requests about its own twin: read it, report properties. Each answer carries the request's id.

A report is merged, then its event is logged, then it is answered: a device that hears 204
need not report it again. Too much at once is answered with 429, as IoT Hub does.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any

from pi_auto.hub.database import BusyError
from pi_auto.hub.patches import RefusedPatchError
from pi_auto.hub.receipts import Receipt
from pi_auto.hub.requests import Asks, TwinRequest
from pi_auto.hub.sessions.conversation import JOB_WEIGHT, Conversation
from pi_auto.hub.twins import Reported
from pi_auto.wire import hublink, topics

logger = logging.getLogger("pi_auto.hub")


def take(talk: Conversation, request: TwinRequest, receipt: Receipt | None, payload: bytes) -> None:
    """Do what a device asks of its twin; the answer comes when it is done."""
    talk.outlet.hold(JOB_WEIGHT)
    reading = request.asks is Asks.GET
    wait = talk.hub.throttles.allow("twin_reads" if reading else "twin_updates")
    if wait > 0:
        _answer(talk, request, receipt, 429, _error_body(429, f"throttled; try again in {wait:.1f} s"))
    elif reading:
        _read(talk, request, receipt)
    else:
        _report(talk, request, receipt, payload)


def _read(talk: Conversation, request: TwinRequest, receipt: Receipt | None) -> None:
    def answered(twin: asyncio.Future[bytes]) -> None:
        status, body = _outcome(twin)
        _answer(talk, request, receipt, status, body if status != 200 else twin.result())

    _ask(talk, request, receipt, lambda: talk.hub.twins.read(talk.device_id), answered)


def _report(talk: Conversation, request: TwinRequest, receipt: Receipt | None, payload: bytes) -> None:
    def answered(reported: asyncio.Future[Reported]) -> None:
        status, body = _outcome(reported)
        if status != 200:
            _answer(talk, request, receipt, status, body)
            return
        version, change = reported.result()
        done = partial(_answer, talk, request, receipt, 204, b"", version)
        talk.append(hublink.TWIN_CHANGE, body=change, done=done)

    _ask(talk, request, receipt, lambda: talk.hub.twins.report(talk.device_id, payload), answered)


def _ask(
    talk: Conversation,
    request: TwinRequest,
    receipt: Receipt | None,
    question: Callable[[], asyncio.Future[Any]],
    answered: Callable[[asyncio.Future[Any]], None],
) -> None:
    try:
        question().add_done_callback(answered)
    except BusyError as error:
        _answer(talk, request, receipt, 429, _error_body(429, str(error)))


def _answer(
    talk: Conversation,
    request: TwinRequest,
    receipt: Receipt | None,
    status: int,
    body: bytes,
    version: int | None = None,
) -> None:
    talk.tell(topics.TWIN_RESPONSES, topics.twin_response(status, request.request_id, version), body)
    talk.settle(receipt, JOB_WEIGHT)


def _outcome(answer: asyncio.Future[Any]) -> tuple[int, bytes]:
    """200, or the status and body of an answer that failed."""
    error = answer.exception()
    if error is None:
        return 200, b""
    if isinstance(error, RefusedPatchError):
        return 400, _error_body(400, str(error))
    if not isinstance(error, sqlite3.Error):  # the database has said what is wrong with it
        logger.error("a twin request failed", exc_info=error)
    return 500, _error_body(500, "the hub could not do it; try again")


def _error_body(status: int, message: str) -> bytes:
    return json.dumps({"errorCode": status, "message": message}).encode()
