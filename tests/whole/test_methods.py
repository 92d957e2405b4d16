"""Direct methods through a real hub to a real device: what it answers, and what comes of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pi_auto.client.bulletin import posts_in
from pi_auto.server.links.base import DeviceOffline, HubUnavailable, MethodAnswer
from pi_auto.server.links.control import ControlRoom
from support.household import Household
from support.waiting import wait_until

CODE = "4006381333931"


class Operator:
    """Calls methods of the house's Pi by way of its hub."""

    def __init__(self, house: Household) -> None:
        self._room, self._device = ControlRoom(house.data / "hub" / "hub.sock"), house.pi.device_id

    def call(self, name: str, payload: dict[str, Any] | None = None) -> MethodAnswer:
        return self._room.call_method(self._device, name, payload or {}, timeout=30)

    def reaches(self) -> bool:
        """Whether the device can be called; what it is told means nothing to it."""
        try:
            return self.call("nothing").status == 404
        except HubUnavailable:
            return False


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Household]:
    """A house whose agent has a run-time folder, as from systemd."""
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(runtime))
    with Household(tmp_path) as made:
        wait_until(Operator(made).reaches, 60, "the device is at its hub")
        yield made


def test_a_reboot_is_answered_and_then_asked_for_and_no_scan_is_touched(house: Household, tmp_path: Path) -> None:
    house.scanner.type(CODE)
    answer = Operator(house).call("reboot")
    assert (answer.status, answer.payload["left_today"]) == (200, 2)
    wait_until((tmp_path / "runtime/reboot").exists, what="the reboot to be asked for")
    wait_until(lambda: [scan["text"] for scan in house.booked()] == [CODE], 60, "the scan is booked once")


def test_a_device_without_a_lamp_says_so(house: Household) -> None:
    answer = Operator(house).call("identify", {"seconds": 10})
    lamps = posts_in(house.pi.state / "capture")["signals"].news["identifies"]
    assert answer.status == (200 if lamps else 503)


def test_diagnostics_are_begun_at_once_and_the_file_does_not_stay(house: Household) -> None:
    """Whether the server takes them is its own affair: a request that it knows nothing of, it refuses."""
    request = str(uuid.uuid4())
    answer = Operator(house).call("diagnostics", {"request": request})
    assert (answer.status, answer.payload) == (202, {"request": request})
    wait_until(lambda: request in house.pi.log.read_text(), 120, "what became of it is told")
    wait_until(lambda: not (house.pi.state / "agent/diagnostics.zip").exists(), what="the file is gone")


def test_a_device_that_is_off_is_told_to_be_so(house: Household) -> None:
    house.pi.client.stop()
    with pytest.raises(DeviceOffline):
        Operator(house).call("reboot")
