"""All that a device without a fleet card does to get one; nothing is started where there is one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from pi_auto.client.agent.binding.binder import Binder
from pi_auto.client.agent.binding.desk import Desk
from pi_auto.client.agent.binding.first import FirstServer
from pi_auto.client.agent.enrolment.device_key import DeviceKey
from pi_auto.client.agent.enrolment.moving import mind_the_machine
from pi_auto.client.agent.enrolment.openssl import OpensslError
from pi_auto.client.binding.outcomes import Outcome
from pi_auto.client.machine_serial import machine_serial
from pi_auto.client.settings import Settings, SettingsError
from pi_auto.wire.binding import BindingCode

log = logging.getLogger("pi_auto.registration")


class Bonding:
    """`look` tells the settings; `bound` is called once there is a card."""

    def __init__(
        self, folder: Path, look: Callable[[], Settings], bound: Callable[[], None] = lambda: None
    ) -> None:
        self._look, self._bound = look, bound
        self._show_key(folder)
        self._desk = Desk(folder, self._bind)
        self._first: FirstServer | None = None

    def trust_first(self, settings: Settings) -> None:
        """Begin or stop to look for any server, as the settings say."""
        if not settings.trust_first_server:
            self._stop_trusting()
        elif self._first is None:
            log.warning("trust_first_server is set: whoever answers first will own this device and its scans")
            self._first = FirstServer(Binder(settings, self._bound).trust_first)

    def close(self) -> None:
        """The device is somebody's, or the program ends."""
        self._stop_trusting()
        self._desk.close()

    def _stop_trusting(self) -> None:
        if self._first:
            self._first.close()
            self._first = None

    def _bind(self, code: BindingCode) -> Outcome:
        try:
            settings = self._look()
        except SettingsError as error:
            log.error("a code cannot be followed: %s", error)  # noqa: TRY400 - all is said
            return Outcome.FAILED
        return Binder(settings, self._bound).bind(code)

    @staticmethod
    def _show_key(folder: Path) -> None:
        """Make the key now: its fingerprint is all that this device has to show, and an operator may want it."""
        try:
            mind_the_machine(folder, machine_serial())
            log.info("this device's key is %s", DeviceKey(folder).public.fingerprint)
        except (OpensslError, OSError) as error:
            log.warning("this device has no key yet: %s", error)
