"""`pi-auto-client factory-reset`: agrees with a person about it, does it, and says what is to be done next."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pi_auto.client.appliance import consent, machine, stillness
from pi_auto.client.appliance.errors import SetupFailed
from pi_auto.client.appliance.reset import Extent, Reset
from pi_auto.client.appliance.turns import alone, refuse_during_trial
from pi_auto.client.configuring import written_in
from pi_auto.client.settings import DEFAULT_FILE, SettingsError

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_DONE = """\
This device is erased, and its services are stopped. At its next start it makes a new identity.
What was deleted can be recovered from a card with effort: write a card anew before it leaves your hands for good.
"""
_DONE_FOR_CLONING = """\
This device is erased, SSH host keys and machine id with it. Power it off now, before anything is written again:
whatever starts from this card or from a copy of it makes an identity of its own.
"""
_UNFINISHED = "; the reset has begun and is not finished: run it again, or start the device anew"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asks for."""

    extent: Extent
    delete_undelivered: bool = False
    yes: bool = False
    image: bool = False
    power_off: bool = False


def factory_reset(wishes: Wishes) -> int:
    """Begin a reset, or finish the one that has begun, which asks nothing; the exit code."""
    try:
        _check(image=wishes.image)
        with alone(), _begun(wishes) as reset:
            reset.run()
        _tell(_DONE_FOR_CLONING if reset.extent.for_cloning else _DONE)
        if wishes.power_off:
            stillness.power_off()
    except (SetupFailed, SettingsError, OSError) as error:
        return _refused(f"{error}{_UNFINISHED if Reset(Extent()).begun() else ''}")
    return 0


def finish_at_boot() -> int:
    """Finish a reset that was cut short, before anybody works here; the exit code. Begins none."""
    try:
        _be_root()
        with alone():
            extent = finish_begun()
        if extent and extent.for_cloning:
            stillness.reboot()  # this boot still goes by the machine id that is erased now
    except (SetupFailed, OSError) as error:
        return _refused(f"what has begun cannot be finished: {error}")
    return 0


def finish_begun() -> Extent | None:
    """Finish a reset that was cut short; its extent, or nothing if none was. Raises SetupFailed and OSError."""
    reset = Reset(Extent(), goes_on=True)
    if reset.begun() is None:
        return None
    with _undisturbed():
        reset = reset.begin()
        reset.run()
    return reset.extent


def _be_root() -> None:
    if os.geteuid() != 0:
        raise SetupFailed("must be run by root: sudo pi-auto-client factory-reset")


def _check(*, image: bool) -> None:
    _be_root()
    if not Path("/opt/pi-auto-client/current").exists():
        raise SetupFailed("the Pi Auto Client is not installed here, so there is nothing to erase")
    if image and machine.systemd_runs():
        raise SetupFailed("--image is for the root folder of an image, entered by chroot; this system runs")
    if not image and not machine.systemd_runs():
        raise SetupFailed("systemd does not run here; in the root folder of an image, say --image")


@contextmanager
def _begun(wishes: Wishes) -> Iterator[Reset]:
    """The reset once there is no way back, with nothing to disturb it; until then the services run on."""
    reset = Reset(wishes.extent, image=wishes.image)
    if reset.begun() is None:
        refuse_during_trial()
        _agree(wishes)
        with _undisturbed(), _services_stopped(wishes):
            if not wishes.delete_undelivered:
                consent.standing().refuse_to_lose()  # one may have been scanned while a person was thinking
            reset = reset.begin()
    with _undisturbed():
        yield reset.begin()


def _agree(wishes: Wishes) -> None:
    written_in(DEFAULT_FILE)  # a broken file could not be kept; a person has to decide what becomes of it
    now = consent.standing()
    if not wishes.delete_undelivered:
        now.refuse_to_lose()
    if not wishes.yes:
        consent.ask(now, wishes.extent)


@contextmanager
def _services_stopped(wishes: Wishes) -> Iterator[None]:
    """Stop both, for good; whichever ran is started again if what is done inside fails."""
    ran = [] if wishes.image else [unit for unit in machine.UNITS if machine.is_active(unit)]
    try:
        if not wishes.image:
            stillness.stop_services()
        yield
    except BaseException:
        if ran:
            machine.may_fail("systemctl", "start", *ran)
        raise


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let no signal, also not that of a lost SSH connection, stop half-way what cannot be undone."""
    former = {number: signal.signal(number, signal.SIG_IGN) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _tell(words: str) -> None:
    with suppress(OSError):  # the terminal may have gone
        print(words, end="", flush=True)


def _refused(reason: str) -> int:
    print(f"pi-auto-client factory-reset: {reason}", file=sys.stderr)
    return 1
