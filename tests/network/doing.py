"""What the tests of networks do with a device, and how long it takes."""

from __future__ import annotations

import os
import time

from support.appliance_site import SiteDevice, SiteServer
from support.waiting import wait_until

SOON = 10.0  # seconds to find the server on a quiet LAN


def allowed(seconds: float) -> float:
    """What is promised, in seconds; three times of it where other tests run beside and take the processors."""
    return seconds * (3 if "PYTEST_XDIST_WORKER" in os.environ else 1)


def finds(device: SiteDevice, by: str, within: float = SOON) -> float:
    """Start it; the seconds until it has found its server, by that way."""
    began = time.monotonic()
    device.start()
    wait_until(device.found_by, allowed(within), f"the server to be found by {by}")
    took = time.monotonic() - began
    assert device.found_by() == [by]
    return took


def delivers(device: SiteDevice, server: SiteServer, text: str, within: float) -> float:
    """Scan a code; the seconds until it is booked."""
    began = time.monotonic()
    device.scanner.type(text)
    wait_until(lambda: text in server.booked(), allowed(within), f"{text} to be booked")
    return time.monotonic() - began
