"""A scanner behind a USB serial adapter, which the settings name: adapters are anybody's, and opened only then."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from support.vm.appliance import CAPTURE, Appliance, fresh_code

FILE = "/etc/pi_auto_client.json"
NODE = "/dev/ttyUSB0"
SETTLED = 1.0  # seconds after opening, beyond which no byte can belong to a code that began before


@pytest.fixture
def serial(pi: Appliance) -> Iterator[Appliance]:
    """A Pi that is set to read the adapter's line."""
    kept = pi.machine.run(f"cat {FILE}")
    mark = pi.journal.mark()
    write(pi, json.dumps(json.loads(kept) | {"scanner": NODE}))
    pi.journal.wait_for("capture is up", mark, unit=CAPTURE, timeout=pi.patience)
    yield pi
    write(pi, kept)
    pi.wait_for_services()


def write(pi: Appliance, settings: str) -> None:
    pi.machine.run(f"echo '{settings}' | sudo tee {FILE} >/dev/null; sudo systemctl restart {CAPTURE}")


def wait_until_open(pi: Appliance, mark: int) -> None:
    pi.journal.wait_for("scanner opened: ", mark, unit=CAPTURE, timeout=pi.patience)
    time.sleep(SETTLED)


def test_codes_of_a_serial_scanner_arrive_and_an_unplugged_one_works_again(serial: Appliance) -> None:
    first, long, second, third, after = (
        fresh_code(), f"{fresh_code():=^300}", *(fresh_code() for _ in range(3)),
    )  # fmt: skip
    mark = serial.journal.mark()
    serial.will_scan(first, long, second, third, after)
    line = serial.machine.plug_in_line()
    try:
        with closing(line):
            wait_until_open(serial, mark)
            line.sendall(f"{first}\r\n".encode())
            serial.site.wait_for(first)
            line.sendall(f"{long}\r\n".encode())
            serial.site.wait_for(long)
            line.sendall(f"{second}\r\n{third}\r\n".encode())
            serial.site.wait_for(second, third)
        again = serial.journal.mark()
        with closing(serial.machine.plug_back_in()) as line:
            wait_until_open(serial, again)
            line.sendall(f"{after}\r\n".encode())
            serial.site.wait_for(after)
    finally:
        serial.machine.remove_line()
    serial.journal.wait_until(
        lambda _: len(serial.stored(mark)) >= 5, mark, serial.patience, "the journal tells of all"
    )
    assert [each.text for each in serial.stored(mark)] == [first, long, second, third, after]
