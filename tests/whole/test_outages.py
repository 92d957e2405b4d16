"""Each way on its own: while one end is away scans are stored, the other way flows, and all arrive later."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support import processes
from support.household import Household
from support.waiting import wait_until

OUTAGE = float(os.environ.get("PI_AUTO_OUTAGE", "10"))  # seconds; .ci/run takes 30
BETWEEN_SCANS = 0.5
ARRIVES_WITHIN = 90.0  # after the outage; back-off is capped at 60 s


def type_for(house: Household, seconds: float, word: str) -> int:
    """Scan at a person's pace for so long; how many codes it were."""
    count = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        house.scanner.type_at_once(f"{word}-{count:04d}")
        count += 1
        time.sleep(BETWEEN_SCANS)
    return count


@contextmanager
def hub_kept_down(house: Household) -> Iterator[None]:
    """Kill the hub again whenever the server has started it again."""
    over = threading.Event()

    def keep_down() -> None:
        while not over.wait(0.02):
            house.kill("hub")

    keeper = threading.Thread(target=keep_down)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def test_while_the_server_is_down_the_hub_takes_every_scan_and_the_api_gets_them_later(tmp_path: Path) -> None:
    with Household(tmp_path) as house:
        type_for(house, 1, "BEFORE")
        wait_until(lambda: house.status()["queue"]["api"] == 0, what="the API way flows")
        house.kill("server")
        wait_until(lambda: not house.pids("worker"), what="the worker leaves with its server")
        hub = house.pids("hub")
        typed = type_for(house, OUTAGE, "DURING")
        wait_until(lambda: house.status()["queue"]["hub"] == 0, what="the hub has taken everything")
        assert house.status()["queue"]["api"] >= typed
        house.restart_server()
        assert house.pids("hub") == hub, "the hub stayed, and the new server took it over"
        stored = house.stored()
        assert len(stored) >= typed
        wait_until(lambda: house.booked_by_both() == stored.keys(), ARRIVES_WITHIN, "all arrive by both ways")


def test_while_the_hub_is_down_the_api_takes_every_scan_and_the_hub_gets_them_later(tmp_path: Path) -> None:
    with Household(tmp_path) as house:
        with hub_kept_down(house):
            typed = type_for(house, OUTAGE, "DURING")
            wait_until(lambda: house.status()["queue"]["api"] == 0, what="the API has taken everything")
            booked = house.booked()
            assert {scan["uuid"] for scan in booked} == house.stored().keys()
            assert sum(scan["hub_at"] is None for scan in booked) > typed // 2
        stored = house.stored()
        wait_until(lambda: house.booked_by_both() == stored.keys(), ARRIVES_WITHIN, "all arrive by both ways")


def test_a_hub_that_hangs_does_not_delay_the_api(tmp_path: Path) -> None:
    with Household(tmp_path) as house:
        type_for(house, 1, "BEFORE")
        wait_until(lambda: house.status()["queue"]["hub"] == 0, what="the hub way flows")
        processes.kill(house.pids("hub"), signal.SIGSTOP)
        typed = type_for(house, 5, "DURING")
        wait_until(lambda: house.status()["queue"]["api"] == 0, what="the API has taken everything")
        assert house.status()["queue"]["hub"] >= typed - 1
        processes.kill(house.pids("hub"), signal.SIGCONT)
        stored = house.stored()
        wait_until(lambda: house.booked_by_both() == stored.keys(), ARRIVES_WITHIN, "all arrive by both ways")


def test_a_spool_that_breaks_while_the_server_is_down_takes_nothing_for_acknowledged(tmp_path: Path) -> None:
    with Household(tmp_path) as house:
        type_for(house, 1, "BEFORE")
        wait_until(lambda: house.status()["queue"]["api"] == 0, what="the API way flows")
        house.kill("server")
        type_for(house, 2, "QUEUED")
        queued = house.stored()
        break_spool(house)
        type_for(house, 2, "AFTER")
        wait_until(lambda: len(house.stored()) > len(queued), what="scanning goes on in a new spool")
        house.restart_server()
        stored = house.stored()
        wait_until(lambda: house.booked_by_both() >= stored.keys(), ARRIVES_WITHIN, "all arrive by both ways")
        booked = house.booked()
        assert len({scan["uuid"] for scan in booked}) == len(booked)
        assert len({scan["spool"] for scan in booked}) == 2
        assert not any(scan["flagged"] for scan in booked)
        assert list((house.pi.state / "capture" / "set-aside").iterdir())


def break_spool(house: Household) -> None:
    """Overwrite the head of the database while nobody has it open, as a bad card does."""
    spool = house.pi.state / "capture" / "spool.sqlite"
    processes.kill(house.pids("capture"), signal.SIGSTOP)
    with spool.open("r+b") as file:
        file.write(b"\0" * 200)
    house.kill("capture")
    wait_until(lambda: house.pids("capture"), what="capture is started again")
    wait_until(
        lambda: "scanner opened" in house.pi.log.read_text().rpartition("set aside")[2], 20, "it is up again"
    )
