"""`pi-auto-client wifi-helper`: the one program that may join networks. systemd starts it when capture knocks.

A code comes in at the door, words of what became of it go out; it ends by itself when nobody knocks any more. It
runs as a user of its own, to whom polkit gives NetworkManager and nothing else. Of a code it writes nothing
anywhere: its log has but these words.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from pi_auto.client.bulletin import posts_in
from pi_auto.client.notify import handed_over
from pi_auto.client.settings import Settings, SettingsError
from pi_auto.client.spool.doorbell import ring
from pi_auto.client.wifi import attempt
from pi_auto.client.wifi.attempt import Attempt
from pi_auto.client.wifi.code import Network, NotReadable, NotSupported, parse
from pi_auto.client.wifi.door import read_code, say
from pi_auto.client.wifi.facts import facts_of
from pi_auto.client.wifi.joining import Joining, Patience, undo_what_is_left
from pi_auto.client.wifi.network_manager import ManagerError, NetworkManager
from pi_auto.client.wifi.outcomes import SENTENCES, Outcome
from pi_auto.client.wifi.policy import Facts, may_join

_IDLE = 5.0  # seconds without a knock after which it ends
_LOOK = 1.0  # seconds between looks at the agent's bulletin
_log = logging.getLogger("pi_auto.wifi")


class Helper:
    """`agent` is that program's folder; `folder` the helper's own, where an attempt is told."""

    def __init__(
        self,
        agent: Path,
        folder: Path = attempt.FOLDER,
        facts: Callable[[], Facts] = facts_of,
        patience: Patience | None = None,
    ) -> None:
        self._agent, self._folder, self._facts, self._patience = agent, folder, facts, patience

    def undo_what_is_left(self) -> None:
        """Of a helper that died: to be done first."""
        if attempt.under_way(self._folder):
            with suppress(ManagerError), closing(NetworkManager()) as manager:
                undo_what_is_left(manager, self._folder)
                _log.warning("a network that was being joined when this program died is given up again")

    def serve(self, knocked: socket.socket) -> None:
        """Everything for one code."""
        try:
            code = read_code(knocked)
        except (OSError, ValueError):
            code = ""
        outcome = self._follow(code, lambda: _say(knocked, Outcome.TRYING))
        _log.info("a Wi-Fi code was scanned: %s", SENTENCES[outcome])
        _say(knocked, outcome)

    def _follow(self, code: str, pulse: Callable[[], None]) -> Outcome:
        try:
            network = parse(code)
        except NotSupported:
            return Outcome.UNSUPPORTED
        except NotReadable:
            return Outcome.UNREADABLE
        return may_join(network, self._facts()) or self._join(network, pulse)

    def _join(self, network: Network, pulse: Callable[[], None]) -> Outcome:
        try:
            manager = NetworkManager()
        except ManagerError:
            return Outcome.NO_MANAGER
        with closing(manager):
            try:
                return Joining(manager, self._proven, pulse, self._folder, self._patience).join(network)
            except ManagerError as error:
                _log.warning("%s", error)
                return _of_error(error)
            except OSError as error:
                _log.warning("the attempt cannot be told: %s", error.strerror)
                return Outcome.FAILED

    def _proven(self, trial: Attempt) -> bool:
        """Whether the agent has reached the fleet through it; asked for ever again until time is over."""
        ring(self._agent / "wake.sock")
        time.sleep(_LOOK)
        try:
            post = posts_in(self._agent).get(attempt.TOPIC)
        except OSError:
            return False
        told = post.news if post and isinstance(post.news, dict) else {}
        return told.get("attempt") == trial.uuid and told.get("ok") is True


def run_helper(file: Path | None) -> int:
    """Serve at the door that systemd hands over, until nobody knocks; the exit code."""
    doors = [descriptor for given in handed_over().values() for descriptor in given]
    if len(doors) != 1:
        print("pi-auto-client wifi-helper: is started by pi-auto-wifi.socket, not by hand", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # which undoes what is under way
    try:
        agent = Settings.load(file, judges_server=False).agent_folder
    except SettingsError:
        agent = Settings().agent_folder
    helper = Helper(agent, Path(os.environ.get("RUNTIME_DIRECTORY", attempt.FOLDER)), lambda: facts_of(file))
    helper.undo_what_is_left()
    with socket.socket(fileno=doors[0]) as door:
        _serve_all(door, helper)
    return 0


def _serve_all(door: socket.socket, helper: Helper) -> None:
    door.settimeout(_IDLE)
    while True:
        try:
            knocked, _ = door.accept()
        except TimeoutError:
            return
        with closing(knocked):
            helper.serve(knocked)


def _of_error(error: ManagerError) -> Outcome:
    if error.is_denied:
        return Outcome.NOT_ALLOWED
    away = ("ServiceUnknown", "NameHasNoOwner", "NoReply", "Disconnected", "Spawn.ServiceNotFound")
    return Outcome.NO_MANAGER if error.name.endswith(away) else Outcome.FAILED


def _say(way: socket.socket, outcome: Outcome) -> None:
    with suppress(OSError):  # capture has been restarted; what is under way goes on
        say(way, outcome)
