"""All checks together: one that fails, hangs or may not look hides nothing of the others."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pi_auto.client.doctor.asking import ask_server
from pi_auto.client.doctor.examining import CHECKS, Check, examine
from pi_auto.client.doctor.findings import SUDO, State, Verdict, ok
from pi_auto.client.doctor.patient import Patient
from pi_auto.client.doctor.reaching import TO_LOOK_UP
from pi_auto.client.settings import Settings
from pi_auto.wire.registration import HubDial
from support.patients import Device


def fine(_: Patient) -> Verdict:
    return ok("fine")


def broken(_: Patient) -> Verdict:
    raise RuntimeError("a fault of its own")


def forbidden(_: Patient) -> Verdict:
    raise PermissionError(13, "Permission denied", "/var/lib/secret")


def unreadable(_: Patient) -> Verdict:
    raise OSError(5, "Input/output error", "/dev/x")


def test_a_check_that_fails_is_a_finding_like_any_other(device: Device) -> None:
    checks = [Check(each.__name__, each) for each in (broken, fine, forbidden, unreadable)]
    found = {each.name: each for each in examine(device.patient, checks)}
    assert [each.state for each in found.values()] == [State.WRONG, State.OK, State.WRONG, State.WRONG]
    assert found["broken"].what == "could not be checked: a fault of its own"
    assert found["forbidden"].what == "could not be checked: /var/lib/secret: Permission denied"
    assert found["forbidden"].remedy == SUDO
    assert found["unreadable"].what == "could not be checked: /dev/x: Input/output error"


def test_one_that_never_ends_costs_its_time_and_no_more(device: Device) -> None:
    released = threading.Event()

    def hanging(_: Patient) -> Verdict:
        released.wait(60)
        return ok("at last")

    began = time.monotonic()
    checks = [Check("fine", fine), Check("one", hanging), Check("two", hanging), Check("last", fine)]
    found = list(examine(device.patient, checks, longest=0.5))
    assert time.monotonic() - began < 5
    assert [each.state for each in found] == [State.OK, State.WRONG, State.WRONG, State.OK]
    assert found[1].what == "could not be checked: no answer within 0 s"
    released.set()


def test_a_finding_is_told_before_the_next_one_is_known(device: Device) -> None:
    released = threading.Event()

    def waiting(_: Patient) -> Verdict:
        released.wait(60)
        return ok("now")

    findings = examine(device.patient, [Check("fine", fine), Check("waiting", waiting)])
    assert next(findings).name == "fine"
    released.set()
    assert next(findings).what == "now"


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port whose listener takes no more connections: dialling it hangs, as where nobody answers."""
    with ExitStack() as held:
        listener = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port: int = listener.getsockname()[1]
        for _ in range(8):  # those that the kernel queues though nobody accepts them
            caller = held.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(("127.0.0.1", port))
        yield port


def test_all_of_it_ends_in_time_where_every_address_hangs(tmp_path: Path, deaf: int) -> None:
    device = Device(tmp_path, f"http://127.0.0.1:{deaf}")
    device.register(HubDial("127.0.0.1", deaf, tls=False))
    began = time.monotonic()
    found = {each.name: each for each in examine(device.patient)}
    assert time.monotonic() - began < 30
    assert list(found) == [check.name for check in CHECKS]
    assert all("no answer in time" in found[name].what for name in ("server", "hub"))


def test_looking_up_a_name_that_hangs_is_left_in_time() -> None:
    settings = Settings(server_url="https://no-such-host.invalid")
    began = time.monotonic()
    ask_server(settings)
    assert time.monotonic() - began < TO_LOOK_UP + 2
