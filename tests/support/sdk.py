"""Microsoft's own SDKs for a test: each runs in a program of its own, with the Python of .venv-sdk.

Ports 8883 and 443 are fixed in them, so that each hub gets a loopback address of its own.

with sdk_hub(tmp_path) as hub, SdkDevice(hub, hub.put_device("pi-1"), "sync") as device:
    device.call("send_message", {"body": "hello"})
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import secrets
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from pi_auto.wire.connection_string import ConnectionString
from support.hub import RunningHub, running_hub
from support.service import output_of

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-sdk" / "bin" / "python"
READY = (ROOT / ".venv-sdk" / "stamp").exists()  # written last by script/setup-sdk
MISSING = "needs Microsoft's SDKs: script/setup-sdk"
NO_443 = "needs port 443: run it as root"
_PROGRAMS = ROOT / "tests" / "hub" / "contract" / "programs"
PATIENCE = 20.0  # seconds; the machine may be busy


class SdkError(AssertionError):
    """What the SDK raised; `status` of HTTP where it was that."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(answer["error"])
        self.status: int | None = answer.get("status")


class SdkProgram:
    """A program of tests/hub/contract/programs, with what it is told in its first line; killed at the end."""

    def __init__(self, name: str, first: dict[str, Any], log: Path, *, ca: Path | None) -> None:
        trust = {"SSL_CERT_FILE": str(ca), "REQUESTS_CA_BUNDLE": str(ca)} if ca else {}
        self.log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [PYTHON, _PROGRAMS / f"{name}.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                text=True, env=os.environ | trust,
            )  # fmt: skip
        self._numbers = itertools.count(1)
        self._answers: dict[int, queue.Queue[dict[str, Any]]] = {}
        self._told: dict[str, queue.Queue[Any]] = {}
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self._write(first)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def call(self, name: str, *arguments: Any, timeout: float = PATIENCE) -> Any:
        """Call a method of the SDK and wait for what it returns; SdkError where it raises."""
        return self.result(self.begin(name, *arguments), timeout)

    def begin(self, name: str, *arguments: Any) -> int:
        """Call a method of the SDK; `result` waits for it."""
        number = next(self._numbers)
        self._answers[number] = queue.Queue()
        self._write({"id": number, "call": name, "with": arguments})
        return number

    def result(self, number: int, timeout: float = PATIENCE) -> Any:
        """What a call that was begun has returned."""
        answer = self._wait(self._answers[number], timeout, "an answer")
        if "error" in answer:
            raise SdkError(answer)
        return answer["result"]

    def heard(self, kind: str, timeout: float = PATIENCE) -> Any:
        """The next that the hub said by itself: desired, message, method, connected."""
        return self._wait(self._told_of(kind), timeout, kind)

    def unheard(self, kind: str) -> list[Any]:
        """What was said by now and not taken."""
        return list(self._told_of(kind).queue)

    def _told_of(self, kind: str) -> queue.Queue[Any]:
        # Two threads ask for it. `setdefault` is one step, where a defaultdict may make two and lose the first.
        return self._told.setdefault(kind, queue.Queue())

    def _wait(self, place: queue.Queue[Any], timeout: float, what: str) -> Any:
        try:
            return place.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"no {what} in {timeout} s; the SDK says:\n{self.log.read_text()}") from None

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            if "told" in said:
                self._told_of(said["told"]).put(said["value"])
            else:
                self._answers[said["id"]].put(said)

    def _write(self, line: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()


class SdkDevice(SdkProgram):
    """A device by azure-iot-device, whose `client` is sync or async. It dials at the first call that needs it."""

    def __init__(
        self, hub: RunningHub, device: ConnectionString, client: str, *, counted_ids: bool = False,
        trusting: bool = True, sas_token: str = "", **options: Any,
    ) -> None:  # fmt: skip
        first = {
            "client": client,
            "counted_ids": counted_ids,
            "options": {"connection_retry_interval": 1} | options,
        }
        first |= {"sas_token": sas_token} if sas_token else {"connection_string": str(device)}
        log = hub.data.parent / f"{device.device_id}.stderr"
        super().__init__("device", first, log, ca=authority(hub) if trusting else None)


class SdkService(SdkProgram):
    """A service by azure-iot-hub, with the rights of a policy."""

    def __init__(self, hub: RunningHub, policy: str = "iothubowner") -> None:
        text = output_of("connection-string", "--data", str(hub.data), "--policy", policy).strip()
        super().__init__(
            "service", {"connection_string": text}, hub.data.parent / "service.stderr", ca=authority(hub)
        )


def authority(hub: RunningHub) -> Path:
    """The authority that vouches for the hub."""
    return hub.data / "tls" / "ca.pem"


@contextmanager
def sdk_hub(folder: Path, *options: str) -> Iterator[RunningHub]:
    """A hub with a certificate of its own on the SDKs' ports, as far as this user may take them."""
    https = "443" if may_take_443() else "off"
    with running_hub(folder, "--tls", "self", "--https-port", https, *options, host=_address(), port=8883) as hub:
        yield hub


def may_take_443() -> bool:
    """Whether this user may listen on port 443."""
    try:
        with socket.create_server((_address(), 443)):
            return True
    except OSError:
        return False


def _address() -> str:
    """A loopback address that nobody else has in mind; the chance of two tests meeting is one in ten million."""
    return f"127.{2 + secrets.randbelow(250)}.{secrets.randbelow(256)}.{2 + secrets.randbelow(250)}"
