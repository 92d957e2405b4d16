"""Direct methods: a question to one connected device, and its answer or the reason why there is none.

A call lives as long as its caller waits. An answer counts only if it comes from the device
that was asked, under the request id that it was asked with: everything else is dropped.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
from dataclasses import dataclass
from typing import Any

from pi_auto.hub.database import BusyError
from pi_auto.hub.switchboard import Switchboard

MOST_PAYLOAD = 128 * 1024  # bytes, of a request and of an answer (IoT Hub)
MOST_CALLS = 1024  # at once in the whole hub
MOST_CALLS_OF_ONE = 16  # at once to one device


class DeviceOffline(Exception):  # noqa: N818 - IoT Hub's own word
    """The device is not connected or has not subscribed to methods."""


class MethodTimeout(Exception):  # noqa: N818 - IoT Hub's own word
    """The device did not answer in time, or not with JSON."""


@dataclass(frozen=True, slots=True)
class MethodResult:
    """A device's answer; `payload` is any JSON value, None for an empty answer."""

    status: int
    payload: Any


class Methods:
    """The calls under way."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard
        self._numbers = itertools.count(
            secrets.randbits(48)
        )  # no late answer to a former hub's call is one of ours
        self._calls: dict[tuple[str, str], asyncio.Future[MethodResult]] = {}
        self._of_one: dict[str, int] = {}
        self._awaited: dict[str, set[asyncio.Event]] = {}

    async def call(
        self,
        device_id: str,
        name: str,
        payload: Any,
        *,
        response_timeout: float = 30.0,
        connect_timeout: float = 0.0,
    ) -> MethodResult:
        """Call a method of a device; timeouts in seconds. `connect_timeout` waits for it to come.

        Raises DeviceOffline, MethodTimeout, BusyError for too many calls at once, ValueError
        for a payload that is not JSON or too large.
        """
        body = json.dumps(payload, separators=(",", ":"), allow_nan=False).encode()
        if len(body) > MOST_PAYLOAD:
            raise ValueError(f"a payload of {len(body)} bytes; at most {MOST_PAYLOAD} are allowed")
        self._enter(device_id)
        try:
            return await self._call(device_id, name, body, response_timeout, connect_timeout)
        finally:
            self._leave(device_id)

    def came(self, device_id: str) -> None:
        """A device has subscribed to methods: who waits for it goes on."""
        for event in self._awaited.get(device_id, ()):
            event.set()

    def answered(self, device_id: str, request_id: str, status: int, payload: bytes) -> bool:
        """A device has answered; whether anybody waits for that."""
        answer = self._calls.pop((device_id, request_id), None)
        if answer is None or answer.done():
            return False
        try:
            answer.set_result(MethodResult(status, _parsed(payload)))
        except ValueError as error:
            answer.set_exception(MethodTimeout(f"{device_id} has answered with {error}"))
        return True

    async def _call(
        self, device_id: str, name: str, body: bytes, response_timeout: float, connect_timeout: float
    ) -> MethodResult:
        key = (device_id, str(next(self._numbers)))
        answer: asyncio.Future[MethodResult] = asyncio.get_running_loop().create_future()
        self._calls[key] = answer
        try:
            if not self._send(key, name, body) and not await self._wait_for(key, name, body, connect_timeout):
                raise DeviceOffline(f"{device_id} is not connected, or has not subscribed to methods")
            async with asyncio.timeout(response_timeout):
                return await answer
        except TimeoutError:
            raise MethodTimeout(f"{device_id} has not answered {name} within {response_timeout:g} s") from None
        finally:
            self._calls.pop(key, None)

    def _send(self, key: tuple[str, str], name: str, body: bytes) -> bool:
        line = self._switchboard.find(key[0])
        return line is not None and line.call_method(name, key[1], body)

    async def _wait_for(self, key: tuple[str, str], name: str, body: bytes, patience: float) -> bool:
        """Send it as soon as the device is there; whether it came in time."""
        event, device_id = asyncio.Event(), key[0]
        self._awaited.setdefault(device_id, set()).add(event)
        try:
            async with asyncio.timeout(patience):
                while True:
                    await event.wait()
                    event.clear()
                    if self._send(key, name, body):
                        return True
        except TimeoutError:
            return False
        finally:
            self._awaited[device_id].discard(event)
            if not self._awaited[device_id]:
                del self._awaited[device_id]

    def _enter(self, device_id: str) -> None:
        calls = self._of_one.get(device_id, 0)
        if calls >= MOST_CALLS_OF_ONE or sum(self._of_one.values()) >= MOST_CALLS:
            raise BusyError(f"{MOST_CALLS_OF_ONE} calls to one device and {MOST_CALLS} in all may be under way")
        self._of_one[device_id] = calls + 1

    def _leave(self, device_id: str) -> None:
        self._of_one[device_id] -= 1
        if not self._of_one[device_id]:
            del self._of_one[device_id]


def _parsed(payload: bytes) -> Any:
    """The JSON value of an answer; None when it is empty. Raises ValueError."""
    if len(payload) > MOST_PAYLOAD:
        raise ValueError(f"{len(payload)} bytes; at most {MOST_PAYLOAD} are allowed")
    try:
        value = json.loads(payload) if payload else None
        json.dumps(value, allow_nan=False)  # Python reads NaN and 1e999, and could not write them as JSON
    except (ValueError, RecursionError):
        raise ValueError(f"{len(payload)} bytes that are not JSON") from None
    return value
