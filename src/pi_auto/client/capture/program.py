"""`pi-auto-client capture`: puts reader, clerk and lookout together and runs until it is told to stop.

    lookout ─ opened scanners → reader (this thread) ─ drafts, notes → clerk ─ records → spool

Says on stdout when it is ready: from then on a code is read whole. Keeps its state in `<state>/capture`,
rings at `<state>/agent/wake.sock`, is rung at `sent.sock`, reads the agent's marks. The caller has set up logging.
"""

from __future__ import annotations

import errno
import gc
import logging
import os
import shlex
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path

from pi_auto.client import itself
from pi_auto.client.binding import door as fleet_door
from pi_auto.client.bulletin import Bulletin
from pi_auto.client.capture.clerk import Clerk
from pi_auto.client.capture.courier import Courier
from pi_auto.client.capture.errors import CaptureRefused
from pi_auto.client.capture.events import InputEvent
from pi_auto.client.capture.inbox import Inbox, Note
from pi_auto.client.capture.keeping import of_this_process
from pi_auto.client.capture.learning.knowledge import Knowledge
from pi_auto.client.capture.lookout import Lookout
from pi_auto.client.capture.reading import Reader
from pi_auto.client.capture.roll import RELEASE, SCANNER, SCANNERS, Roll, told
from pi_auto.client.capture.scanners import Choice, choose
from pi_auto.client.capture.signals.board import AUTO, led_of
from pi_auto.client.capture.signals.scores import Signal
from pi_auto.client.capture.signals.signaller import Lamp, Signals
from pi_auto.client.capture.sources.recording import ReplaySource
from pi_auto.client.clock import system_clock
from pi_auto.client.notify import Manager
from pi_auto.client.spool.doorbell import SENT
from pi_auto.client.spool.errors import SpoolRefused
from pi_auto.client.spool.lock import sole_writer
from pi_auto.client.stopping import stop_signals
from pi_auto.client.wifi.door import DOOR, hand_over
from pi_auto.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from pi_auto.client.capture.succession.heir import Heir
    from pi_auto.client.capture.succession.predecessor import Predecessor

_STOP_SECONDS = 4.0
_LAST_FLASH = 0.5
_FULL = (errno.ENOSPC, errno.EDQUOT)
_log = logging.getLogger("pi_auto.capture")


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
        with (
            nullcontext(_not_held) if heir else sole_writer(folder) as let_go,
            stop_signals(signal.SIGUSR1) as stop,
        ):
            lamps = _lamps(led, gpio or {})
            return _run(
                folder,
                state / "agent",
                choice,
                recording,
                stop,
                lamps,
                log_barcodes=log_barcodes,
                wifi=wifi,
                card=card,
                heir=heir,
                let_go=let_go,
            )
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


def _run(
    folder: Path,
    agent: Path,
    choice: Choice,
    recording: list[InputEvent],
    stop: int,
    lamps: list[Lamp],
    *,
    log_barcodes: bool,
    wifi: Path | None,
    card: Path | None,
    heir: Heir | None,
    let_go: Callable[[], None],
) -> int:
    now = system_clock()
    inbox = Inbox()
    bulletin = Bulletin(folder, is_up=heir is None)
    if release := itself.release():
        bulletin.post(RELEASE, release)  # whatever the link to it names while this runs
    signals = Signals(lamps, folder / SENT, agent / "marks.sqlite", bulletin)
    clerk = Clerk(
        inbox, folder, agent, now, _stop_this_process, bulletin, signals,
        log_barcodes=log_barcodes, is_examined=heir is not None,
    )  # fmt: skip
    knowledge = Knowledge(folder, agent, lambda said: inbox.put(Note(logging.WARNING, said)))
    roll, keeping = Roll(bulletin), heir.keeping if heir else of_this_process()
    lookout = Lookout(choice.device, inbox, _stop_this_process, knowledge, roll, keeping)
    bind = partial(fleet_door.hand_over, agent=agent, card=card)
    courier = Courier(inbox, signals.show, now, partial(hand_over, door=wifi) if wifi else None, bind)
    leaving: list[Predecessor] = []
    reader = Reader(
        inbox, now, stop, lookout, courier.take,
        lambda: lookout.relieve(lambda: _relieved(leaving, reader, roll, inbox, bulletin, courier)),
    )  # fmt: skip

    def begin() -> None:
        courier.start()
        signals.start()
        if not choice.recording:
            lookout.begin(reader, lambda: _say_ready(folder))

    if heir:
        heir.examine(folder, agent)
        heir.take_over(lookout, reader, roll, stop)
        heir.settle(folder, bulletin, clerk.start, begin, _stop_this_process)
    else:
        clerk.start()
        begin()
    _log.info("capture is up: spool=%s", folder)
    if choice.recording:
        source = ReplaySource(choice.recording, recording)
        bulletin.post(SCANNERS, [told(source.scanner, source.path, SCANNER)])
        reader.adopt(source)
        _say_ready(folder)
    is_relieved = reader.run()
    inbox.close()
    if heir is None or heir.has_spool.wait(_STOP_SECONDS):
        clerk.join(_STOP_SECONDS)
    let_go()
    signals.show(Signal.END)
    if signals.is_alive():
        signals.join(_LAST_FLASH)
    if is_relieved:
        leaving[0].take_leave()
    else:
        bulletin.take_down()
    return _exit_code(clerk, lookout)


def _relieved(
    leaving: list[Predecessor], reader: Reader, roll: Roll, inbox: Inbox, bulletin: Bulletin, courier: Courier
) -> bool:
    """Whether another capture reads on now; in the lookout's thread."""
    from pi_auto.client.capture.succession.predecessor import Predecessor  # noqa: PLC0415 - for an update alone

    leaving[:] = leaving or [Predecessor(reader, roll, inbox, bulletin, lambda: courier.is_busy)]
    return leaving[0].work()


def _heir() -> Heir | None:
    if "PI_AUTO_SUCCESSION" not in os.environ:
        return None
    from pi_auto.client.capture.succession.heir import heir_of_this_process  # noqa: PLC0415 - for an update alone

    return heir_of_this_process()


def _not_held() -> None:
    """The spool is let go of with the end of this process."""


def _exit_code(clerk: Clerk, lookout: Lookout) -> int:
    if clerk.failure:
        return 2 if isinstance(clerk.failure, SpoolRefused) else 1
    if lookout.failure:
        return 1
    if clerk.is_alive() or clerk.unsaved:
        _log.error("stopped with records that could not be stored")
        return 1
    _log.info("capture has stopped; everything is stored")
    return 0


def _say_ready(folder: Path) -> None:
    gc.freeze()  # what is there by now stays: to look through it again would stop the reader for many milliseconds
    Manager().ready()
    with suppress(OSError):  # nobody listens (any more): no reason not to scan
        print(f"pi-auto-client capture ready: spool={shlex.quote(str(folder))}", flush=True)


def _stop_this_process() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
