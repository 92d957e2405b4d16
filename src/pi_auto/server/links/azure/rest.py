"""Asks the service side of an IoT Hub: TLS, a token, timeouts, and a few more tries where that is safe.

What can be asked twice is asked again after a lost answer, 429 or 5xx, as `Retry-After` says. A
method call is not: whether the device did it before the answer was lost is not known.

A question has a connection of its own. On one that is used again, an answer that comes twice would be
taken for the one to the next question, and a device be given the key of another.
"""

from __future__ import annotations

import json
import ssl
import time
from typing import Any
from urllib.parse import quote

import urllib3

from pi_auto.server.links.azure.answers import Answer, read_answer
from pi_auto.server.links.azure.strings import ServiceString
from pi_auto.server.links.azure.tokens import Tokens
from pi_auto.server.links.base import HubUnavailable

API_VERSION = "2021-04-12"
_CONNECT, _READ = 5.0, 10.0  # seconds
_TRIES = 3
_MOST_ANSWER = 1024 * 1024  # bytes
_PART = 64 * 1024  # bytes
_MOST_WAIT = 3  # seconds of `Retry-After`; whoever asked waits, and can come again
_PASSES = (429, 500, 502, 503, 504)


class RestClient:
    """The service side behind one connection string; from any thread."""

    def __init__(self, service: ServiceString, tokens: Tokens) -> None:
        self._tokens = tokens
        self._service, self._tls = service, ssl.create_default_context()  # SSL_CERT_FILE names another authority
        self._reached: bool | None = None

    def reached(self) -> bool | None:
        """Whether the last question was answered at all; nothing before the first."""
        return self._reached

    def ask(
        self, method: str, path: str, body: Any = None, *, if_match: str | None = None,
        repeat: bool = True, patience: float = _READ,
    ) -> Answer:  # fmt: skip
        """One question; `patience` in seconds. Raises HubUnavailable where no answer came."""
        headers = {"Authorization": self._tokens.current(), "Content-Type": "application/json; charset=utf-8"}
        if if_match is not None:
            headers["If-Match"] = if_match
        octets = None if body is None else json.dumps(body).encode()
        try:
            answer = self._send(method, path, octets, headers, _tries(repeat=repeat), patience)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            self._reached = False
            raise HubUnavailable(f"Azure did not answer {method} {path}: {_cause(error)}") from None
        self._reached = True
        return answer

    def _send(
        self,
        method: str,
        path: str,
        octets: bytes | None,
        headers: dict[str, str],
        retries: urllib3.Retry,
        patience: float,
    ) -> Answer:
        with self._connections() as line:
            response = line.urlopen(
                method, f"{path}?api-version={API_VERSION}", octets, headers, retries, redirect=False,
                timeout=urllib3.Timeout(connect=_CONNECT, read=patience), preload_content=False,
            )  # fmt: skip
            found = _whole(response, time.monotonic() + patience)
            if found is None:
                raise HubUnavailable(f"its answer to {method} {path} is longer than {_MOST_ANSWER} bytes")
            return read_answer(response.status, response.headers, found)

    def _connections(self) -> urllib3.HTTPSConnectionPool:
        return urllib3.HTTPSConnectionPool(self._service.host, self._service.port, ssl_context=self._tls)

    def close(self) -> None:
        """Nothing is held between two questions."""


class _Bounded(urllib3.Retry):
    """Waits as long as the answer says, but not for ever."""

    def get_retry_after(self, response: urllib3.BaseHTTPResponse) -> float | None:
        asked = super().get_retry_after(response)
        return None if asked is None else min(asked, _MOST_WAIT)


def _whole(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes | None:
    """The body, which has until `deadline`, time.monotonic; None for one that is too long."""
    found = b""
    try:
        while part := response.read1(_PART):
            found += part
            if len(found) > _MOST_ANSWER:
                return None
            if time.monotonic() > deadline:
                raise TimeoutError("its answer comes too slowly")
        return found
    finally:
        response.close()


def path_of(kind: str, device_id: str, more: str = "") -> str:
    """Such as `/devices/pi-1`."""
    return f"/{kind}/{quote(device_id, safe='')}{more}"


def _tries(*, repeat: bool) -> urllib3.Retry:
    """A throttled call was not done, and one that found no connection was not sent: both may go again anyway."""
    again = _TRIES - 1
    return _Bounded(
        total=again, connect=again, read=again if repeat else 0, other=again if repeat else 0, redirect=False,
        status=again, status_forcelist=_PASSES if repeat else (429,), allowed_methods=None,
        backoff_factor=0.3, backoff_jitter=0.3, raise_on_status=False,
    )  # fmt: skip


def _cause(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return f"{type(reason).__name__}: {reason}"[:300]
