"""Requests whose bodies do not come: each holds one of the server's threads while it is waited for."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from flask.testing import FlaskClient


class Slow(io.RawIOBase):
    """A body of which nothing comes until `end`."""

    def __init__(self, arrived: threading.Semaphore, end: threading.Event) -> None:
        super().__init__()
        self._arrived, self._end = arrived, end

    def readable(self) -> bool:
        return True

    def readinto(self, _: Any) -> int:
        self._arrived.release()
        self._end.wait(30)
        return 0


@contextmanager
def slow_bodies(
    client: FlaskClient, path: str, senders: list[dict[str, str]], **given: Any
) -> Iterator[list[Future[int]]]:
    """Bodies that do not come while this lasts, one of each sender: what differs of its request's environment."""
    end, arrived = threading.Event(), threading.Semaphore(0)

    def send(sender: dict[str, str]) -> int:
        environ = {"wsgi.input": Slow(arrived, end), "wsgi.input_terminated": True}
        own = client.application.test_client()
        return own.post(path, environ_overrides=environ | sender, **given).status_code

    with ThreadPoolExecutor(len(senders)) as pool:
        waiting = [pool.submit(send, sender) for sender in senders]
        try:
            assert all(arrived.acquire(timeout=20) for _ in waiting)
            yield waiting
        finally:
            end.set()
