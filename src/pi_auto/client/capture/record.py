"""`pi-auto-client record DEVICE FILE`: writes down what a scanner sends, for `replay` and for tests."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path
from typing import TextIO

from pi_auto.client.capture import evdev
from pi_auto.client.capture.errors import CaptureRefused
from pi_auto.client.capture.evemu import Description, write_description, write_event
from pi_auto.client.capture.events import EVENT_BYTES, EventStream, InputEvent
from pi_auto.client.capture.withholding import Withholder
from pi_auto.client.clock import boottime_ns
from pi_auto.client.stopping import stop_signals

_READ_BYTES = EVENT_BYTES * 64
_LOOK = 0.05  # seconds between looks at an open code


def record(device: Path, path: Path) -> int:
    """Record `device` into `path` until SIGTERM or Ctrl-C; 0, or 2 with a sentence on stderr if that fails.

    The device is grabbed meanwhile, so a running capture must let go of it first.
    """
    try:
        with stop_signals() as stop:
            _record(device, path, stop)
    except CaptureRefused as error:
        print(f"pi-auto-client record: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"pi-auto-client record: {device} to {path}: {error.strerror}", file=sys.stderr)
        return 2
    return 0


def _record(device: Path, path: Path, stop: int) -> None:
    descriptor = evdev.open_device(device, mask_msc=False)
    try:
        with path.open("w", encoding="utf-8") as file:
            file.write(write_description(_describe(device, descriptor)))
            file.flush()
            print(f"pi-auto-client record ready: device={device} file={path}", flush=True)
            _copy(descriptor, file, stop)
    finally:
        os.close(descriptor)


def _describe(device: Path, descriptor: int) -> Description:
    if evdev.is_fifo(descriptor):
        return Description(str(device))
    return Description(
        name=evdev.name_of(descriptor),
        ids=evdev.ids_of(descriptor),
        properties=evdev.properties_of(descriptor),
        bits=evdev.bits_of(descriptor),
    )


def _copy(descriptor: int, file: TextIO, stop: int) -> None:
    """Write whole reports only, so that a recording never ends in the middle of one; times begin at 0.

    Of Wi-Fi codes nothing is written: what a code is, is known at its end.
    """
    stream, withholder, start = EventStream(), Withholder(), list[int]()

    def write(events: list[InputEvent]) -> None:
        if events and not start:
            start.append(events[0].time)
        file.writelines(write_event(event._replace(time=event.time - start[0])) for event in events)
        file.flush()

    while True:
        now = boottime_ns()  # told before looking: what is pressed later cannot have been read
        ready = select.select([descriptor, stop], [], [], _LOOK if withholder.is_holding else None)[0]
        if stop in ready:
            break
        for event in stream.feed(os.read(descriptor, _READ_BYTES)) if ready else []:
            write(withholder.feed(event))
        if not ready:
            write(withholder.quiet(now))
    write(withholder.finish())
    if withholder.left_out:
        print(f"pi-auto-client record: left out {withholder.left_out} Wi-Fi codes or parts of one", flush=True)
