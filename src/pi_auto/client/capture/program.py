"""`pi-auto-client capture`: runs until it is told to stop.

Says on stdout when it is ready: from then on a code is read whole. Keeps its state in `<state>/capture`,
rings at `<state>/agent/wake.sock`, is rung at `sent.sock`, reads the agent's marks. The caller has set up logging.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from pi_auto.client.capture.capture import Capture, Wanted
from pi_auto.client.capture.errors import CaptureRefused
from pi_auto.client.capture.events import InputEvent
from pi_auto.client.capture.scanners import choose
from pi_auto.client.capture.signals.board import AUTO, led_of
from pi_auto.client.capture.signals.signaller import Lamp
from pi_auto.client.spool.errors import SpoolRefused
from pi_auto.client.spool.lock import sole_writer
from pi_auto.client.stopping import stop_signals
from pi_auto.client.wifi.door import DOOR
from pi_auto.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from pi_auto.client.capture.succession.heir import Heir

_FULL = (errno.ENOSPC, errno.EDQUOT)


def run_capture(
    state: Path,
    scanner: str,
    *,
    log_barcodes: bool = True,
    led: str = AUTO,
    gpio: Mapping[str, int] | None = None,
    wifi: Path | None = DOOR,
    card: Path | None = None,
) -> int:
    """Store what `scanner` (auto, a device path, a FIFO, replay:FILE) reads until SIGTERM; the exit code.

    What becomes of it is shown on the board's LED and on the header's lines in `gpio`, by what is to be shown.
    Wi-Fi codes are never stored; at the door `wifi` they are handed to the helper that joins networks, if any.
    Nor are codes that bind the device to a fleet; the agent is handed them, unless there is a fleet `card`.
    0 after a stop with everything stored, 1 if something could not be, 2 if a setting is wrong
    (a sentence on stderr says which).
    """
    heir = None
    try:
        choice = choose(scanner)
        recording = _recorded(choice.recording) if choice.recording else []
        folder = _prepare(state / "capture")
        heir = _heir()
        with _held(folder, heir) as let_go, stop_signals(signal.SIGUSR1) as stop:
            lamps = _lamps(led, gpio or {})
            wanted = Wanted(choice.device, choice.recording, recording, lamps, log_barcodes, wifi, card)
            return Capture(folder, state / "agent", wanted, stop, heir).run(let_go)
    except (CaptureRefused, SpoolRefused) as error:
        if heir:
            heir.refuse(str(error))
        print(f"pi-auto-client capture: {error}", file=sys.stderr)
        return 2


def _lamps(led: str, gpio: Mapping[str, int]) -> list[Lamp]:
    board = led_of(led)
    lamps: list[Lamp] = [board] if board else []
    if gpio:
        from pi_auto.client.capture.signals.gpio import lamps_on  # noqa: PLC0415 - few have any

        lamps += lamps_on(gpio)
    return lamps


def _recorded(file: Path) -> list[InputEvent]:
    from pi_auto.client.capture.evemu import read_recording  # noqa: PLC0415 - an appliance never needs it

    return list(read_recording(file))


def _prepare(folder: Path) -> Path:
    """The folder, made if need be and found to be writable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        if error.errno in _FULL and folder.is_dir():
            return folder  # scans are kept in memory until there is room again
        raise CaptureRefused(
            f"state folder {folder} cannot be used ({error.strerror}); allowed: a folder that this user can write"
        ) from error
    return folder


def _heir() -> Heir | None:
    if "PI_AUTO_SUCCESSION" not in os.environ:
        return None
    from pi_auto.client.capture.succession.heir import heir_of_this_process  # noqa: PLC0415 - for an update alone

    return heir_of_this_process()


def _held(folder: Path, heir: Heir | None) -> AbstractContextManager[Callable[[], None]]:
    """Whoever takes over gets the spool from the one before; anybody else needs it for himself."""
    return nullcontext(_not_held) if heir else sole_writer(folder)


def _not_held() -> None:
    """The spool is let go of with the end of this process."""
