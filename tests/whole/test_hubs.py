"""The device's key at the hub is taken away, or the fleet moves to another hub: nobody touches the device."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from support import processes
from support.former_hub import former_hub
from support.household import Household
from support.waiting import wait_until

ARRIVES_WITHIN = 90.0
WATCHED = 10.0  # seconds in which the server must not be asked often


def type_codes(house: Household, word: str, count: int = 10) -> None:
    """All of them are stored, too: what is asked next about the queues is about them."""
    codes = [f"{word}-{number:04d}" for number in range(count)]
    for code in codes:
        house.scanner.type_at_once(code)
        time.sleep(0.1)  # a person's pace
    wait_until(lambda: set(codes) <= set(house.stored().values()), 30, "all are stored")


def arrive(house: Household) -> None:
    """All that is stored is in the books, by both ways."""
    wait_until(lambda: house.booked_by_both() == house.stored().keys(), ARRIVES_WITHIN, "all arrive by both ways")
    booked = house.booked()
    assert len({scan["uuid"] for scan in booked}) == len(booked)
    assert not any(scan["flagged"] for scan in booked)


def registrations(house: Household) -> int:
    """How often the device has asked the server for what it needs."""
    return house.pi.log.read_text().count("registered as ")


@pytest.mark.parametrize("how", ["deleted", "key changed twice"])
def test_a_connection_string_that_is_revoked_is_asked_for_at_once(tmp_path: Path, how: str) -> None:
    with Household(tmp_path) as house:
        type_codes(house, "BEFORE")
        arrive(house)
        agent, asked = house.pids("agent"), registrations(house)
        if how == "deleted":
            house.ask_hub(op="delete_device", device_id=house.pi.device_id)
        else:
            for _ in range(2):
                assert house.ask_hub(op="rotate_keys", device_id=house.pi.device_id)["ok"]
            house.kill("hub")  # a connection that is open outlives its key, as at Azure
        type_codes(house, "AFTER")
        arrive(house)
        assert registrations(house) == asked + 1
        assert house.pids("agent") == agent


def test_while_the_hub_rejects_the_device_scans_go_by_the_api_and_the_server_is_not_flooded(
    tmp_path: Path,
) -> None:
    with Household(tmp_path) as house:
        type_codes(house, "BEFORE")
        arrive(house)
        asked = registrations(house)
        assert house.ask_hub(op="set_enabled", device_id=house.pi.device_id, enabled=False)["ok"]
        wait_until(lambda: registrations(house) > asked, 5, "the server is asked at once")
        began = time.monotonic()
        type_codes(house, "DURING")
        wait_until(lambda: house.status()["queue"]["api"] == 0, what="the API has taken everything")
        assert house.status()["queue"]["hub"] >= 10
        wait_until(lambda: time.monotonic() - began > WATCHED, 2 * WATCHED, "some time to pass")
        assert registrations(house) - asked <= 6
        assert house.ask_hub(op="set_enabled", device_id=house.pi.device_id, enabled=True)["ok"]
        arrive(house)


def test_a_fleet_that_moves_to_another_hub_needs_no_restart_and_loses_nothing(tmp_path: Path) -> None:
    with Household(tmp_path) as house:
        type_codes(house, "BEFORE")
        arrive(house)
        agent, capture = house.pids("agent"), house.pids("capture")
        for pid in house.pids("hub"):
            os.kill(pid, signal.SIGSTOP)  # what is sent from now on is not acknowledged
        type_codes(house, "UNDERWAY")
        processes.kill(house.pids("hub"))
        house.stop_server()
        former = former_hub(house.data, tmp_path / "former", house.pi.device_id, "127.0.0.1").start()
        try:
            type_codes(house, "BETWEEN")
            wait_until(
                lambda: "rejects this device" in house.pi.log.read_text(), 60, "the former hub turns it away"
            )
            house.start_server_with_another_hub()
            type_codes(house, "AFTER")
            arrive(house)
        finally:
            former.kill()
        assert (house.pids("agent"), house.pids("capture")) == (agent, capture)
        assert house.ask_hub(op="info")["mqtt"] != f"127.0.0.1:{former.mqtt_address[1]}"
