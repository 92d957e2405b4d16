"""Where devices find this server, as far as it was told."""

from __future__ import annotations

from pi_auto.server.settings import Address, Settings
from pi_auto.wire.fleet_card import MOST_SERVERS
from pi_auto.wire.server_address import ServerAddress


def own_addresses(settings: Settings) -> list[ServerAddress]:
    """Its names with the port of its API; none where it is on loopback alone, or its port is not known yet."""
    port = settings.https.port if settings.https else 0
    names = [name for name in settings.names if not Address(name, port).loopback]
    return [ServerAddress(name, port) for name in names if port][:MOST_SERVERS]
