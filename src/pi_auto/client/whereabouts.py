"""Whose device this is and where its server may be: what the fleet card and the settings say, and what was found.

With a fleet card everything the device is told must come from that fleet; without one it comes
from the server that the settings name. A command asks here, and the agent, which alone searches.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from pi_auto.client.agent.enrolment.registration import stored_registration
from pi_auto.client.agent.network.keeping import kept_address
from pi_auto.client.agent.network.proving import endpoint_of
from pi_auto.client.binding.keeping import Bond, kept_bond
from pi_auto.client.binding.places import BOUND
from pi_auto.client.endpoint import Endpoint
from pi_auto.client.settings import Settings, SettingsError
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fleet_card import MOST_CARD, FleetCard
from pi_auto.wire.registration import RegistrationAnswer
from pi_auto.wire.server_address import HTTPS_PORT, PUBLIC, ServerAddress, is_name


def card_of(settings: Settings) -> FleetCard | None:
    """The device's fleet card: the one that was installed, else the one that it has got by itself.

    Raises SettingsError if it cannot be used.
    """
    installed = _installed_card(settings)
    if installed:
        return installed
    bond = bond_of(settings)
    return bond.card if bond else None


def bond_of(settings: Settings) -> Bond | None:
    """How the device has got its card by itself; nothing if it did not, or this user may not know.

    Raises SettingsError if it cannot be used.
    """
    file = settings.agent_folder / BOUND
    try:
        return kept_bond(settings.agent_folder)
    except PermissionError:
        if os.access(settings.agent_folder, os.X_OK):
            raise SettingsError(f"{file}: cannot be read by this user") from None
        return None
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from None
    except FieldError as error:
        raise SettingsError(f"{file}: holds no fleet card: {error}") from None


def bound_by(settings: Settings, card: FleetCard | None) -> str | None:
    """How the device has got `card`, its own, by itself; None where it was installed. Raises SettingsError."""
    if card is None or _installed_card(settings):
        return None
    bond = bond_of(settings)
    return bond.by if bond else None


def _installed_card(settings: Settings) -> FleetCard | None:
    try:
        with settings.fleet_card.open("rb") as file:
            return FleetCard.parse(file.read(MOST_CARD + 1))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"{settings.fleet_card}: cannot be read: {error.strerror}") from None
    except FieldError as error:
        raise SettingsError(f"{settings.fleet_card}: is no fleet card: {error}") from None


def has_server(settings: Settings) -> bool:
    """Whether the device knows whom to look for. Raises SettingsError."""
    return card_of(settings) is not None or (bool(settings.server_url) and not settings.trust_first_server)


def giver(settings: Settings, card: FleetCard | None) -> str:
    """Who it is that gives this device its token: what one gave is never shown to another."""
    return f"fleet {card.fleet_id}" if card else settings.server_url


def kept_registration(settings: Settings, device_id: str) -> RegistrationAnswer | None:
    """What was given to this device by whom it belongs to now. Raises OSError and SettingsError."""
    return stored_registration(settings.agent_folder, giver(settings, card_of(settings)), device_id)


def addresses_set(settings: Settings) -> list[ServerAddress]:
    """Where the settings say that the fleet's server is: a port of plain HTTP means the one for TLS beside it."""
    if not settings.server_url:
        return []
    endpoint = settings.endpoint()
    host, port = endpoint.dialled
    if urlsplit(settings.server_url).scheme == "http":
        port = HTTPS_PORT
    fleets = ServerAddress(host, port)
    return [fleets, ServerAddress(host, port, PUBLIC)] if is_name(host) else [fleets]


def known_endpoint(settings: Settings) -> Endpoint:
    """How a command reaches the server: where it was found last, else where it may be. Raises FieldError."""
    card = card_of(settings)
    if card is None:
        return settings.endpoint()
    return endpoint_of(known_address(settings, card), card).by(settings.proxy)


def known_address(settings: Settings, card: FleetCard) -> ServerAddress:
    """Where the fleet's server was found last, else where it may be. Raises FieldError where nobody says."""
    last = kept_address(settings.agent_folder)
    candidates = [*([last] if last else []), *addresses_set(settings), *card.servers]
    if not candidates:
        raise FieldError("server_url", "missing", "an address of the fleet's server, since its card names none")
    return candidates[0]
