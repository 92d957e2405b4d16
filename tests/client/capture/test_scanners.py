"""What a setting means, how a device is opened, and the numbers of the kernel's ioctls."""

from __future__ import annotations

import fcntl
import os
import struct
import time
from pathlib import Path
from typing import Any

import pytest

from pi_auto.client.capture import evdev
from pi_auto.client.capture.errors import CaptureRefused
from pi_auto.client.capture.events import EV_MSC
from pi_auto.client.capture.scanners import Choice, choose
from pi_auto.client.capture.sources.keyboard import KeyboardSource


def test_settings_are_understood(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert choose("auto") == Choice()
    assert choose("replay:some/file") == Choice(recording=Path("some/file"))
    assert choose("/dev/input/not-yet-plugged-in") == Choice(device=Path("/dev/input/not-yet-plugged-in"))
    assert choose(str(tmp_path / "fifo")) == Choice(device=tmp_path / "fifo")


@pytest.mark.parametrize("spec", ["", "atuo", "replay:", "/etc/passwd", "/"])
def test_a_setting_that_can_never_be_a_scanner_is_refused_with_what_is_allowed(spec: str) -> None:
    with pytest.raises(CaptureRefused, match=r"allowed: auto"):
        choose(spec)


def test_the_ioctls_have_the_kernels_numbers() -> None:
    """As <linux/input.h> expands them on x86 and ARM."""
    assert (evdev.EVIOCGRAB, evdev.EVIOCSCLOCKID) == (0x40044590, 0x400445A0)
    assert (evdev.EVIOCSMASK, evdev.EVIOCGID) == (0x40104593, 0x80084502)
    assert evdev.request(2, 0x18, 96) == 0x80604518, "EVIOCGKEY"


def test_a_scanner_is_set_to_the_clock_of_codes_relieved_of_msc_and_grabbed_before_a_key_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """MSC_SCAN comes with each key: without it nearly twice as many fit into the kernel's queue."""
    asked: list[tuple[int, Any]] = []
    monkeypatch.setattr(fcntl, "ioctl", lambda _, number, argument: asked.append((number, argument)))
    os.close(evdev.open_device(Path("/dev/null")))
    (clock, boottime), (mask, masked), grab = asked
    assert (clock, boottime) == (evdev.EVIOCSCLOCKID, struct.pack("@i", time.CLOCK_BOOTTIME))
    assert (mask, struct.unpack("@II", masked[:8])) == (evdev.EVIOCSMASK, (EV_MSC, 8))
    assert grab == (evdev.EVIOCGRAB, 1)


def test_opening_that_fails_half_way_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.setattr(evdev, "is_fifo", lambda _: 1 / 0)
    before = set(Path("/proc/self/fd").iterdir())
    with pytest.raises(ZeroDivisionError):
        KeyboardSource(tmp_path / "fifo")
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_a_character_device_that_is_no_input_device_is_refused_by_name() -> None:
    with pytest.raises(CaptureRefused, match="/dev/null is no input device"):
        evdev.open_device(Path("/dev/null"))


@pytest.mark.parametrize("spec", ["s" * 300, f"/dev/{'s' * 300}"])
def test_a_name_that_cannot_even_be_looked_at_is_refused(spec: str) -> None:
    with pytest.raises(CaptureRefused, match="cannot be looked at"):
        choose(spec)
