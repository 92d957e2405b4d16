"""An agent without a server stays up until one is named: it tells so, and watches the settings and the card.

Nothing is sent anywhere meanwhile, unless a fleet's code is given; scanning does not depend on it. Where either
of the files is or becomes broken, that is told and waited for as well: ending would only mean being started
again, and without a card that is there nobody could be told from an impostor.
"""

from __future__ import annotations

import logging
import os
import select
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pi_auto.client.agent.binding.bonding import Bonding
from pi_auto.client.agent.telling import REGISTRAR, Telling
from pi_auto.client.alone import hold_alone
from pi_auto.client.binding.places import BOUND
from pi_auto.client.bulletin import Bulletin
from pi_auto.client.notify import Manager
from pi_auto.client.settings import DEFAULT_CARD, Settings, SettingsError
from pi_auto.client.stopping import stop_signals
from pi_auto.client.whereabouts import has_server

log = logging.getLogger("pi_auto.registration")

NO_SERVER = (
    "no server is set and there is no fleet card; scan a code of the fleet's page, install it again with a "
    "card, or name a server by: sudo pi-auto-client configure --server URL"
)
FIRST_SERVER = (
    "there is no fleet card, and trust_first_server is set: whichever server is found first will own this device"
)
_LOOK = 1.0  # seconds between looks whether the file has changed


@dataclass(frozen=True, slots=True)
class Waiting:
    """`look` reads the settings `file` anew, or raises SettingsError; `folder` is the agent's."""

    file: Path
    look: Callable[[], Settings]
    folder: Path

    def settings(self) -> Settings | None:
        """The settings once they name a server; None if told to stop before. For the main thread.

        Raises OSError if the folder cannot be used.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        alone = hold_alone(self.folder / "agent.lock")
        telling = Telling(Bulletin(self.folder))
        bonding = Bonding(self.folder, self.look)
        try:
            with stop_signals() as stop:
                return self._watch(stop, telling, bonding)
        finally:
            bonding.close()
            telling.close()
            os.close(alone)

    def _watch(self, stop: int, telling: Telling, bonding: Bonding) -> Settings | None:
        manager, seen = Manager(), object()
        files = [self.file, DEFAULT_CARD, self.folder / BOUND]
        manager.ready()
        print("pi-auto-client agent ready: server=none", flush=True)
        while True:
            manager.alive()
            # Told before reading: what is written meanwhile is noticed at the next look.
            before, seen = seen, [_state_of(file) for file in files]
            if seen != before and (settings := self._look(files, telling, bonding)):
                return settings
            if select.select([stop], [], [], _LOOK)[0]:
                return None

    def _look(self, files: list[Path], telling: Telling, bonding: Bonding) -> Settings | None:
        """The settings if they, or a fleet card, say whose this device is. The card's place goes into `files`."""
        try:
            settings = self.look()
            files[1] = settings.fleet_card
            named = has_server(settings)
        except SettingsError as error:
            said = f"{error}; mend it, and no restart is needed"
        else:
            if named:
                log.info("going on to register with %s", settings.server_url or "the fleet of the card")
                return settings
            bonding.trust_first(settings)
            said = FIRST_SERVER if settings.trust_first_server else NO_SERVER
        log.warning("cannot register: %s", said)
        telling.failed(REGISTRAR, said)
        return None


def _state_of(file: Path) -> object:
    """Something that is another thing once the file was changed, replaced, or made readable."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
