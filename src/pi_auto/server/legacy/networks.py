"""Which networks old clients are served on, and until when: each runs out by itself.

What counts is the address at the other end of the connection. No header is ever asked.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from pi_auto.server.audit.trail import Entry, note
from pi_auto.server.legacy.tables import legacy_networks
from pi_auto.wire.errors import FieldError, shown

MOST_DAYS = 30
MOST_NETWORKS = 32
_LARGEST = {4: 16, 6: 48}  # the shortest prefixes
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def network_named(text: str) -> Network:
    """A network as an operator writes it, such as 192.168.1.0/24. Raises FieldError."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise FieldError("network", shown(text), "a network such as 192.168.1.0/24, its host bits zero") from None
    if network.prefixlen < _LARGEST[network.version]:
        raise FieldError("network", text, "a network of one site: /16 or smaller, for IPv6 /48 or smaller")
    if not network.is_private:
        raise FieldError("network", text, "a private network: old clients send everything in the clear")
    return network


def open_network(connection: Connection, network: Network, days: int, by: str, now: datetime) -> datetime:
    """Serve old clients there for so many days from now; when that ends. Raises FieldError."""
    if not 1 <= days <= MOST_DAYS:
        raise FieldError("days", str(days), f"1 to {MOST_DAYS}")
    until, table = now + timedelta(days=days), legacy_networks
    row: dict[str, Any] = {"opened_by": by, "opened_at": now, "expires_at": until, "closed_at": None}
    if not connection.execute(update(table).where(table.c.network == str(network)).values(row)).rowcount:
        _make_room(connection, now)
        connection.execute(insert(table).values(row | {"network": str(network)}))
    note(connection, Entry(by, "legacy on", str(network), "opened", detail={"days": days}), now)
    return until


def close_networks(connection: Connection, network: Network | None, by: str, now: datetime) -> int:
    """Serve nobody there any more, or nowhere; how many networks that was. Raises FieldError for one not open."""
    table = legacy_networks
    still = table.c.closed_at.is_(None) & (table.c.expires_at > now)
    if network is not None:
        still &= table.c.network == str(network)
    closed = connection.execute(update(table).where(still).values(closed_at=now)).rowcount
    if network is not None and not closed:
        raise FieldError(
            "network", str(network), "a network that is open; `pi-auto-server legacy list` shows them"
        )
    note(connection, Entry(by, "legacy off", str(network or "every network"), f"closed {closed}"), now)
    return closed


def all_networks(connection: Connection) -> Sequence[Row[Any]]:
    """Every network that is or was open."""
    return connection.execute(select(legacy_networks).order_by(legacy_networks.c.opened_at)).all()


def open_networks(connection: Connection, now: datetime) -> list[Network]:
    """Those that are open."""
    table = legacy_networks.c
    query = select(table.network).where(table.closed_at.is_(None), table.expires_at > now)
    return [ipaddress.ip_network(text) for text in connection.execute(query).scalars()]


def holds(networks: Sequence[Network], address: str) -> bool:
    """Whether an address is in one of them. An IPv4 address may come written as an IPv6 one."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    plain = getattr(found, "ipv4_mapped", None) or found
    return any(plain in network for network in networks if network.version == plain.version)


def plain_address(address: str) -> str:
    """An address as it is kept and compared."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    return str(getattr(found, "ipv4_mapped", None) or found)


def _make_room(connection: Connection, now: datetime) -> None:
    table = legacy_networks
    over = table.c.closed_at.is_not(None) | (table.c.expires_at <= now)
    counted = select(func.count()).select_from(table)
    if (connection.execute(counted).scalar() or 0) < MOST_NETWORKS:
        return
    connection.execute(table.delete().where(over))
    if (connection.execute(counted).scalar() or 0) >= MOST_NETWORKS:
        raise FieldError("network", f"number {MOST_NETWORKS + 1}", f"at most {MOST_NETWORKS} open networks")
