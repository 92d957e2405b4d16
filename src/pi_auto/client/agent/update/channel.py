"""Answers of the server as streams: for archives and metadata, which are no JSON of a moment.

Every answer is bounded in size by who reads it, and in time: so many bytes must have come each `patience`, or it
counts as lost, whatever trickles. Redirects are not followed. For one thread.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from pi_auto.client.agent.answers import TROUBLES, error_of, no_use
from pi_auto.client.agent.connection import HUNG_UP, Connection, headers_of
from pi_auto.client.agent.line import Line
from pi_auto.client.endpoint import Endpoint

PATIENCE = 30.0  # seconds
STRIDE = 64 * 1024  # bytes that must have come within it: no less than 2 kB/s
BLOCK = 16 * 1024
_MOST_COMPLAINT = 4096


class Pace:
    """A limit of bytes a second, kept on the average since it was made; 0 for none."""

    def __init__(self, limit: int = 0, sleep: Callable[[float], None] = time.sleep) -> None:
        self.limit, self._sleep = limit, sleep
        self._at = time.monotonic()

    def spend(self, octets: int) -> None:
        """So many bytes have come: wait until they are within the limit."""
        if self.limit:
            now = time.monotonic()
            self._at = max(self._at, now) + octets / self.limit
            self._sleep(max(0.0, self._at - now))


class Channel:
    """Questions to one server, with the device's token where it has one."""

    def __init__(
        self, endpoint: Endpoint, token: str | None = None, patience: float = PATIENCE, pace: Pace | None = None
    ) -> None:
        self._endpoint, self._token, self._pace = endpoint, token, pace or Pace()
        limit = self._pace.limit
        self._patience = patience + (2 * STRIDE / limit if limit else 0.0)
        self._line = Line()
        self._connection: Connection | None = None
        self.received = 0  # bytes of bodies, altogether

    @contextmanager
    def ask(self, path: str, headers: Mapping[str, str] | None = None) -> Iterator[http.client.HTTPResponse]:
        """The answer to a GET, if it is 200 or 206, to be read by `blocks`. Raises ApiError."""
        try:
            with self._good(path, headers or {}) as response:
                yield response
                if response.isclosed():
                    return
        except TROUBLES as error:
            self.close()
            raise no_use(self._endpoint, error) from None
        except BaseException:
            self.close()
            raise
        self.close()  # something of it was not read

    def blocks(self, response: http.client.HTTPResponse, most: int) -> Iterator[bytes]:
        """What an answer holds, up to `most` bytes and one more block; only within `ask`."""
        came, owed = 0, STRIDE
        while came <= most and (block := response.read(BLOCK)):
            came += len(block)
            owed -= len(block)
            self.received += len(block)
            self._pace.spend(len(block))
            if owed <= 0:
                owed = STRIDE
                self._hurry()
            yield block

    def close(self) -> None:
        """Hang up; the next question dials again."""
        if self._connection:
            self._connection.close()
            self._connection = None
        self._line.drop()

    def _good(self, path: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        response = self._answered(path, headers)
        if response.status in (http.client.OK, http.client.PARTIAL_CONTENT):
            return response
        octets = response.read(_MOST_COMPLAINT)
        self.close()
        raise error_of(response, octets, "200 or 206")

    def _answered(self, path: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        sent = headers_of(self._token) | {"Host": self._endpoint.host, "Accept": "*/*"} | dict(headers)
        is_kept = self._connection is not None
        try:
            return self._request(path, sent)
        except HUNG_UP:
            if not is_kept:  # RFC 9112 9.3.1: a server may close a kept connection at any moment
                raise
            self.close()
            return self._request(path, sent)

    def _request(self, path: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        if self._connection is None:
            self._connection = Connection(self._endpoint, self._line)
        self._hurry()
        self._connection.request("GET", path, headers=dict(headers))
        return self._connection.getresponse()

    def _hurry(self) -> None:
        if self._connection:
            self._connection.give_until(time.monotonic() + self._patience)
