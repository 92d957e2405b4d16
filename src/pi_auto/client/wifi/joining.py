"""Joins a network for a trial, has the fleet proven through it, and keeps it or puts everything back.

Until it is proven the network lives in NetworkManager's memory alone, so that a power cut at any moment undoes it.
A helper that dies leaves the attempt's file, and the next one undoes that (`undo_what_is_left`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from pi_auto.client.wifi import attempt
from pi_auto.client.wifi.attempt import Attempt
from pi_auto.client.wifi.code import Network
from pi_auto.client.wifi.network_manager import ManagerError, NetworkManager, Radio
from pi_auto.client.wifi.outcomes import Outcome
from pi_auto.client.wifi.profile import JOINING, is_scanned, outcome_of, profile_of, ssid_in

_PULSE = 3.0  # seconds between two words to who waits


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds for the network to take the device in, and for the agent to reach the server through it."""

    to_join: float = 60.0
    to_prove: float = 90.0


class Joining:
    """`proven` says whether the agent has reached the fleet in an attempt; `pulse` is called while it goes on."""

    def __init__(
        self,
        manager: NetworkManager,
        proven: Callable[[Attempt], bool],
        pulse: Callable[[], None],
        folder: Path = attempt.FOLDER,
        patience: Patience | None = None,
    ) -> None:
        self._manager, self._proven, self._pulse, self._folder = manager, proven, pulse, folder
        self._patience = patience or Patience()

    def join(self, network: Network) -> Outcome:
        """What came of it. Whatever ends this early, also an exception, everything is as before."""
        radio = self._radio()
        if isinstance(radio, Outcome):
            return radio
        trial = Attempt(str(uuid4()), radio.interface, radio.path, radio.profile)
        attempt.tell(trial, self._folder)
        outcome = Outcome.FAILED
        try:
            outcome = self._try(network, trial, radio)
        finally:
            if outcome is not Outcome.JOINED:
                undo(self._manager, trial)
            attempt.end(self._folder)
        return outcome

    def _radio(self) -> Radio | Outcome:
        if not self._manager.is_switched_on():
            return Outcome.RADIO_OFF
        ready = [radio for radio in self._manager.radios() if radio.is_ready]
        idle_first = sorted(ready, key=lambda radio: radio.profile is not None)
        return idle_first[0] if ready else Outcome.NO_RADIO

    def _try(self, network: Network, trial: Attempt, radio: Radio) -> Outcome:
        profile, outcome = self._activate(network, trial, radio)
        if outcome is Outcome.JOINED and not self._is_proven(replace(trial, is_up=True)):
            outcome = Outcome.NO_SERVER
        if outcome is Outcome.JOINED:
            self._manager.keep(profile)
            self._forget_former(network, profile)
        return outcome

    def _activate(self, network: Network, trial: Attempt, radio: Radio) -> tuple[str, Outcome]:
        deadline = time.monotonic() + self._patience.to_join
        with self._manager.states(radio) as states:
            profile = self._manager.join(profile_of(network, trial.uuid), radio)
            begun = False
            while (left := deadline - time.monotonic()) > 0:
                self._pulse()
                told = states.next(min(left, _PULSE))
                outcome = outcome_of(*told) if told else None
                if outcome is Outcome.JOINED or (outcome and begun):
                    return profile, outcome
                begun = begun or (told is not None and told[0] in JOINING)  # before that, a former one is left
        return profile, Outcome.FAILED

    def _is_proven(self, trial: Attempt) -> bool:
        attempt.tell(trial, self._folder)
        deadline = time.monotonic() + self._patience.to_prove
        while time.monotonic() < deadline:
            self._pulse()
            if self._proven(trial):
                return True
        return False

    def _forget_former(self, network: Network, kept: str) -> None:
        """The same network, scanned earlier, perhaps with another password."""
        with suppress(ManagerError):
            for path, profile in self._manager.profiles().items():
                if path != kept and is_scanned(profile) and ssid_in(profile) == network.ssid:
                    self._manager.delete(path)


def undo(manager: NetworkManager, trial: Attempt) -> None:
    """Take the trial's profile away and go back to what was used before. What is gone already is fine."""
    if profile := manager.find(trial.uuid):
        with suppress(ManagerError):
            manager.delete(profile)
    if trial.former:
        with suppress(ManagerError):  # where it is out of reach, NetworkManager takes what else it knows
            manager.use(trial.former, trial.radio)


def undo_what_is_left(manager: NetworkManager, folder: Path = attempt.FOLDER) -> bool:
    """Undo the attempt of a helper that died in it; whether there was one."""
    left = attempt.under_way(folder)
    if left:
        undo(manager, left)
        attempt.end(folder)
    return left is not None
