"""`diagnostics`: the doctor's bundle is made aside, and sent to the fleet's own server and nowhere else.

The payload names only the request it is sent for. It is answered at once; what follows takes a
minute, one at a time. What is in the bundle, and that no secret is, is the doctor's affair.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.backoff import Backoff
from pi_auto.client.agent.errors import ApiError, Refused
from pi_auto.client.agent.methods.bundling import Doctor, NoBundle
from pi_auto.wire.methods import BEGUN, MOST_DIAGNOSTICS, TOO_OFTEN, Answer, refusal

log = logging.getLogger("pi_auto.methods")

FILE = "diagnostics.zip"
_TRIES = 5
_FIRST_PAUSE = 10.0  # seconds at the most; the later ones double
_KEPT_ALREADY = 409


class Diagnostics:
    """Bundles of `doctor`, by way of a file in `folder`, for the server that `api` calls.

    `token` is the device's at the moment, None while it has none.
    """

    def __init__(
        self, folder: Path, doctor: Doctor, api: ServerApi, token: Callable[[], str | None], rng: Random
    ) -> None:
        self._file = folder / FILE
        self._doctor, self._api, self._token, self._rng = doctor, api, token, rng
        self._lock = threading.Lock()
        self._request: str | None = None  # under way
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._remove()

    def method(self, values: dict[str, Any]) -> Answer:
        """The direct method."""
        request = values["request"]
        with self._lock:
            if self._request not in (None, request):
                return refusal(
                    TOO_OFTEN, f"the bundle for the request {self._request} is still being made or sent"
                )
            if self._request is None:
                self._request = request
                self._thread = threading.Thread(
                    target=self._work, args=(request,), name="diagnostics", daemon=True
                )
                self._thread.start()
        return Answer(BEGUN, {"request": request})

    def close(self, patience: float = 1.0) -> None:
        """Give up what is under way, and leave no file behind."""
        self._stopping.set()
        thread = self._thread
        if thread:
            thread.join(patience)
        self._remove()

    def _work(self, request: str) -> None:
        try:
            self._doctor.write_to(self._file, self._stopping)
            self._send(request, self._content())
        except (NoBundle, OSError) as error:
            log.warning("no diagnostics for the request %s: %s", request, error)
        finally:
            self._api.close()
            self._remove()
            with self._lock:
                self._request = None

    def _content(self) -> bytes:
        with self._file.open("rb") as opened:
            content = opened.read(MOST_DIAGNOSTICS + 1)
        if len(content) > MOST_DIAGNOSTICS:
            raise NoBundle(f"the bundle is larger than {MOST_DIAGNOSTICS} bytes")
        return content

    def _send(self, request: str, content: bytes) -> None:
        pauses = Backoff(self._rng, first=_FIRST_PAUSE)
        for _ in range(_TRIES):
            try:
                self._api.send(f"/api/diagnostics/{request}", content, "application/zip", self._token())
            except Refused as refused:
                if refused.status != _KEPT_ALREADY:
                    raise NoBundle(str(refused)) from None
                break  # the answer to an earlier try was lost
            except ApiError as error:
                log.warning("diagnostics for the request %s have not arrived yet: %s", request, error)
                if self._stopping.wait(pauses.next(error.retry_after)):
                    raise NoBundle("the agent stops") from None
            else:
                break
        else:
            raise NoBundle(f"{_TRIES} tries to send it have failed")
        log.info("diagnostics sent for the request %s: %d bytes", request, len(content))

    def _remove(self) -> None:
        with suppress(OSError):
            self._file.unlink(missing_ok=True)
