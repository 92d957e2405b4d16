"""Fetches a fleet's card from a server that nobody vouches for yet; nothing of the device is told to it.

TLS is not verified: there is nothing to verify it by. What comes back is a claim. It is worth something only where
a commitment to that card has come by another way, as in a binding code, or where the device was told to trust
whoever answers first.
"""

from __future__ import annotations

import http.client
import ssl

from pi_auto.client.agent.errors import Garbled, Unreachable
from pi_auto.client.agent.network.lone_call import Call, answer_to
from pi_auto.client.agent.tls import NamedContext
from pi_auto.client.endpoint import Endpoint
from pi_auto.client.proxy import Proxy
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fleet_card import MOST_CARD, FleetCard
from pi_auto.wire.server_address import ServerAddress

_PATH = "/api/fleet_card"
_PATIENCE = 8.0  # seconds altogether


def claimed_card(address: ServerAddress, proxy: Proxy | None = None) -> FleetCard:
    """The card that the server at `address` shows. Raises ApiError."""
    endpoint = Endpoint(tls=True, host=str(address), dialled=(address.host, address.port), name=address.host)
    try:
        card = FleetCard.parse(
            answer_to(Call(_PATH, MOST_CARD, None, _PATIENCE), endpoint.by(proxy), _context(address.host))
        )
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=card.ca)
    except FieldError as error:
        raise Garbled(f"what it shows is no fleet card: {error}") from None
    except ssl.SSLError as error:
        raise Unreachable(f"it has no card: {error.reason}") from None
    except (OSError, UnicodeError) as error:  # the latter: a name that no resolver can be asked for
        raise Unreachable(f"it shows no fleet card: {error}") from None
    except (http.client.HTTPException, ValueError) as error:
        raise Garbled(f"it shows no fleet card: {error!r}"[:300]) from None
    return card


def _context(name: str) -> NamedContext:
    context = NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.verified_name = name
    return context
