"""Puts a fleet card on this machine: its public part into /etc, its batch token where the agent alone reads it.

The card comes beside the installer, or inside of it (`pi-auto-server fleet installer`). A device
belongs to one fleet: the card of another one, or one with another authority or key, is refused
unless the person says that this is meant.
"""

from __future__ import annotations

import json
import os
import ssl
from base64 import b64decode
from collections.abc import MutableMapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pi_auto.client.agent.enrolment.invitation import FILE, Invitation
from pi_auto.client.appliance.errors import SetupFailed
from pi_auto.client.appliance.traces import CARD, STATE
from pi_auto.client.binding import keeping
from pi_auto.client.binding.places import BOUND
from pi_auto.client.planted import Unsafe, read_planted
from pi_auto.files import write_whole
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fleet_card import MOST_CARD, FleetCard

INSIDE = "PI_AUTO_FLEET_CARD"  # the variable that an installer with a card inside hands it over in
_AGENT = f"{STATE}/agent"
_MOST_TOKEN = 256  # bytes
_REGISTRATION, _MOST_REGISTRATION = "registration.json", 64 * 1024  # of the agent's; bytes


def card_given(file: Path | None, environment: MutableMapping[str, str] = os.environ) -> FleetCard | None:
    """The card in `file`, else the one inside of the installer, if there is one. Raises SetupFailed.

    It may hold a token, and is taken out of the environment, which every command that is run would get.
    """
    where = str(file) if file else "the card inside of the installer"
    octets = _octets_of(file, environment.pop(INSIDE, ""), where)
    if not octets:
        return None
    try:
        card = FleetCard.parse(octets)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=card.ca)
    except FieldError as error:
        raise SetupFailed(f"{where}: is no fleet card: {error}") from None
    except ssl.SSLError as error:
        raise SetupFailed(f"{where}: the certificate of its authority cannot be used: {error.reason}") from None
    return card


def _octets_of(file: Path | None, inside: str, where: str) -> bytes:
    try:
        if file is None:
            return b64decode("".join(inside.split()), validate=True)
        with file.open("rb") as opened:
            return opened.read(MOST_CARD + 1) or b"nothing"
    except OSError as error:
        raise SetupFailed(f"{where}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise SetupFailed(f"{where}: is damaged; copy the installer to the Pi again") from None


@dataclass(frozen=True, slots=True)
class HandingOver:
    """One card for the system below `root`, and a `token` to be let in by: the card's, unless another is given."""

    card: FleetCard
    root: Path = Path("/")
    token: str | None = field(default=None, repr=False)

    @property
    def file(self) -> Path:
        """Where its public part goes."""
        return self.root / CARD

    @property
    def token_file(self) -> Path:
        """Where its batch token goes."""
        return self.root / _AGENT / FILE

    def refuse_another_fleet(self) -> None:
        """Raise SetupFailed where this device belongs to somebody else. A card that is damaged binds nobody."""
        held = self._held()
        if held and held.fleet_id != self.card.fleet_id:
            raise SetupFailed(
                f"this device belongs to fleet {held.fleet_id}, and the card is of fleet {self.card.fleet_id}. "
                "If it is to change: what it has not delivered yet goes to the new fleet. Say --change-fleet"
            )
        if held and (held.ca, held.fleet_key) != (self.card.ca, self.card.fleet_key):
            raise SetupFailed(
                f"the card is of fleet {held.fleet_id} as before, but its authority or its key is another one. "
                "If you know that this is right, say --change-fleet"
            )

    def place(self) -> None:
        """Write the public part, for everybody to read. Raises OSError."""
        public = json.dumps(replace(self.card, batch_token=None).to_json(), indent=2) + "\n"
        if not self.file.exists() or self.file.read_bytes() != public.encode():
            write_whole(self.file, public)
        self.file.chmod(0o644)

    def place_token(self) -> None:
        """Write the token, for the agent alone, unless the device has been taken in. Raises OSError."""
        token = self.token or self.card.batch_token
        if token is None or self._is_enrolled():
            return
        folder = self.token_file.parent.stat()
        write_whole(self.token_file, token + "\n", mode=0o600, owner=(folder.st_uid, -1))

    def _held(self) -> FleetCard | None:
        try:
            return FleetCard.parse(self.file.read_bytes()[: MOST_CARD + 1])
        except (FileNotFoundError, FieldError):
            return self._bound()

    def _bound(self) -> FleetCard | None:
        """The card that the device has got by itself, by a code or by trusting the first server."""
        try:
            octets = read_planted(self.root / _AGENT, BOUND, keeping.MOST)
            return keeping.Bond.parse(octets).card if octets else None
        except (Unsafe, FieldError, OSError):
            return None

    def _is_enrolled(self) -> bool:
        try:
            told = json.loads(read_planted(self.root / _AGENT, _REGISTRATION, _MOST_REGISTRATION) or b"")
            return bool(told["server_url"] == f"fleet {self.card.fleet_id}")
        except (Unsafe, OSError, ValueError, KeyError, TypeError, RecursionError):
            return False


def wished(file: Path | None, secret: Path | None = None, *, change_fleet: bool) -> HandingOver | None:
    """What to do about the card and the secret that the installer was given; nothing if it was given neither.

    A secret alone is for the fleet that the device has a card of. Raises SetupFailed.
    """
    token = _token_in(secret) if secret else None
    card = card_given(file) or (_card_of_this_device() if token else None)
    if card is None:
        return None
    handing_over = HandingOver(card, token=token)
    if not change_fleet:
        handing_over.refuse_another_fleet()
    return handing_over


def _token_in(file: Path) -> str:
    try:
        text = file.read_bytes()[:_MOST_TOKEN].decode("ascii", "replace").strip()
    except OSError as error:
        raise SetupFailed(f"{file}: cannot be read: {error.strerror}") from None
    if Invitation.of(text) is None:
        raise SetupFailed(
            f"{file}: holds no one-time secret; allowed: what pi-auto-server enrolment preauthorise has printed, "
            "or a batch token"
        )
    return text


def _card_of_this_device() -> FleetCard:
    held = Path("/") / CARD
    if not held.exists():
        raise SetupFailed("--secret is for a device with a fleet card; give it one as well: --card FILE")
    card = card_given(held, {})
    if card is None:
        raise AssertionError("a card that is there is read or refused")
    return card
