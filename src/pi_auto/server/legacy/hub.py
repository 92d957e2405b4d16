"""The identities of old clients at the hub: given once, and good only while old clients are served.

When a network's time is over, or its device has become a new client, the identity is switched off
at the hub as well: nobody is needed for that, and a hub that is away is told when it is back.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from ipaddress import ip_address

from sqlalchemy import Connection, select, update

from pi_auto.server.api.writing import committed
from pi_auto.server.context import Context
from pi_auto.server.legacy import devices
from pi_auto.server.legacy.networks import holds, open_networks
from pi_auto.server.legacy.tables import legacy_devices
from pi_auto.server.links.base import HubAccess, HubRefused, HubUnavailable, Link
from pi_auto.wire.server_address import is_ip

LOOKS_EVERY = 30.0  # seconds
_log = logging.getLogger(__name__)


def issue(context: Context, named: str, address: str) -> str | None:
    """The connection string of an old client that is served, if it was not given yet. Raises HubUnavailable."""
    if context.link is None:
        return None
    with context.store.engine.connect() as connection:
        row = devices.find(connection, named)
    if row is None or row.issued_at is not None:
        return None
    access = _new_access(context.link, row.hub_id, again=row.issues > 0)
    now = context.clock()
    if not committed(context, lambda books: devices.take_string(books, named, address, now)):
        return None
    return _for_old_sdk(access, context.settings.names)


def _for_old_sdk(access: HubAccess, names: Sequence[str]) -> str:
    """The string with what to dial, which Microsoft's SDK calls a gateway: no resolver knows the fleet's name."""
    text = str(access.connection_string)
    if access.dial is None or not access.dial.tls:
        return text
    address = access.dial.address
    if not is_ip(address) or not ip_address(address).is_unspecified:
        return f"{text};GatewayHostName={address}"
    return f"{text};GatewayHostName={names[0]}" if names else text


def align(context: Context) -> None:
    """Tell the hub which of these identities are good now, where it was told otherwise."""
    if context.link is None:
        return
    with context.store.engine.connect() as connection:
        news = _news(context, connection)
    for hub_id, enabled in news:
        try:
            context.link.put_device(hub_id)  # one that is not there any more would be refused for ever
            context.link.set_enabled(hub_id, enabled=enabled)
        except HubRefused as error:  # not done: it may be for our own key or clock, and is to be tried again
            _log.warning("legacy: the hub does not change %s: %s", hub_id, error)
            continue
        except HubUnavailable as error:
            _log.info("legacy: the hub is told later: %s", error)
            return
        committed(context, _Keep(hub_id, enabled=enabled))
        _log.info("legacy: %s is %s at the hub", hub_id, "on" if enabled else "off")


def keep_aligned(context: Context) -> None:
    """Do so until the server stops."""
    while not context.stopping.wait(LOOKS_EVERY):
        try:
            align(context)
        except Exception:  # noqa: BLE001 - whatever it was, it looks again
            _log.exception("legacy: the hub could not be told who is served")


class _Keep:
    """A job that notes what the hub was told."""

    def __init__(self, hub_id: str, *, enabled: bool) -> None:
        self._hub_id, self._enabled = hub_id, enabled

    def __call__(self, books: Connection) -> None:
        same = legacy_devices.c.hub_id == self._hub_id
        books.execute(update(legacy_devices).where(same).values(hub_enabled=self._enabled))


def _news(context: Context, connection: Connection) -> list[tuple[str, bool]]:
    networks = open_networks(connection, context.clock())
    rows = connection.execute(select(legacy_devices).where(legacy_devices.c.hub_enabled.is_not(None))).all()
    wanted = [
        (
            row,
            row.approved_at is not None
            and row.refused_at is None
            and holds(networks, row.address)
            and not devices.is_new_clients(connection, row.named_id),
        )
        for row in rows
    ]
    return [(row.hub_id, good) for row, good in wanted if good != row.hub_enabled]


def _new_access(link: Link, hub_id: str, *, again: bool) -> HubAccess:
    access = link.put_device(hub_id)
    if not again:
        return access
    link.rotate_keys(hub_id)  # what was the primary key is the secondary now
    return link.rotate_keys(hub_id)  # and now it is neither
