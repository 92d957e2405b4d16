"""The device as the checks get to see it: its settings, its folders, what its programs tell, its server.

`root` is where /etc, /proc, /sys and so on are looked for; tests point it at a folder of theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pi_auto.client.agent.enrolment.identity import Identity, stored_identity
from pi_auto.client.bulletin import Post, posts_in
from pi_auto.client.doctor.exchange import Exchange
from pi_auto.client.doctor.patience import Once
from pi_auto.client.doctor.proof import ask_and_have_it_proven
from pi_auto.client.last_good import last_good
from pi_auto.client.settings import DEFAULT_FILE, DEFAULT_STATE, CommandLineError, Settings, SettingsError
from pi_auto.client.whereabouts import card_of, kept_registration
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.registration import RegistrationAnswer

INSTALLED = "/opt/pi-auto-client"


@dataclass(frozen=True, slots=True)
class Patient:
    """The device under examination. `trouble` says what is wrong with the settings `file`, if anything is.

    `server` asks the server when it is first called, and remembers.
    """

    settings: Settings
    file: Path = DEFAULT_FILE
    trouble: str = ""
    root: Path = Path("/")
    server: Once[Exchange] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "server", Once(lambda: ask_and_have_it_proven(self.settings)))

    @classmethod
    def admit(cls, file: Path | None, given: Mapping[str, Any]) -> Patient:
        """The device whose settings are in `file`, with what the command line says over them.

        Where the file is broken its services go on with the copy that last worked, and so does this.
        Raises CommandLineError.
        """
        try:
            return cls(Settings.load(file, given), file or DEFAULT_FILE)
        except CommandLineError:
            raise
        except SettingsError as error:
            nothing = Settings(state=Path(given.get("state") or DEFAULT_STATE))
            return cls(last_good(given, "agent") or nothing, file or DEFAULT_FILE, str(error))

    @property
    def is_appliance(self) -> bool:
        """Whether it keeps its state where the installed services do, and not where somebody tries something."""
        return self.settings.state == DEFAULT_STATE

    def at(self, path: str) -> Path:
        """Where an absolute path of the device is found."""
        return self.root / path.lstrip("/")

    def agent_tells(self) -> Mapping[str, Post]:
        """The agent's bulletin; empty if it does not run. Raises PermissionError."""
        return posts_in(self.settings.agent_folder)

    def capture_tells(self) -> Mapping[str, Post]:
        """Capture's bulletin; empty if it does not run. Raises PermissionError."""
        return posts_in(self.settings.capture_folder)

    def card(self) -> FleetCard | None:
        """Its fleet card; none if it has none, or one that the check `card` complains of."""
        try:
            return card_of(self.settings)
        except SettingsError:
            return None

    def identity(self) -> Identity | None:
        """Who the device is, once it has been started. Raises PermissionError."""
        return stored_identity(self.settings.agent_folder)

    def registration(self) -> RegistrationAnswer | None:
        """What its server gave it. Raises PermissionError."""
        identity = self.identity()
        if identity is None:
            return None
        try:
            return kept_registration(self.settings, identity.device_id)
        except SettingsError:  # of a card that cannot be used: nobody knows whose the registration is
            return None
