"""Whether a hub that outlived its server is the one this server wants, and may be taken over."""

from __future__ import annotations

import logging

from pi_auto.server.links.base import HubUnavailable
from pi_auto.server.links.running import RunningHub
from pi_auto.server.links.tls import HubTls
from pi_auto.server.settings import Address

_log = logging.getLogger(__name__)


def is_wanted(running: RunningHub, address: Address, tls: HubTls | None) -> bool:
    """Whether it answers, listens where it should, and speaks TLS as it should, with the certificate of now."""
    if running.address is None:
        _log.warning("the hub of process %d runs and does not answer: it is replaced", running.pid)
        return False
    if not _fits(running.address, address):
        _log.warning("a hub listens on %s, not on %s: it is replaced", running.address, address)
        return False
    if tls is None:
        return not running.tls
    return _speaks_as_wanted(running, tls)


def _speaks_as_wanted(running: RunningHub, tls: HubTls) -> bool:
    """Whether a hub is the fleet's by name and shows its certificate, which it is handed anew."""
    if (running.name, running.tls) != (tls.name, True) or not _fits(running.websocket, tls.websocket):
        _log.warning("the hub of process %d does not speak TLS as %s: it is replaced", running.pid, tls.name)
        return False
    try:
        running.show(tls.pem())
    except HubUnavailable as error:
        _log.warning("the hub of process %d does not take the certificate: %s", running.pid, error)
        return False
    return True


def _fits(found: Address | None, wanted: Address | None) -> bool:
    """Whether it listens where it should; any port is right where port 0 is wanted."""
    if found is None or wanted is None:
        return found is wanted
    return found.host == wanted.host and wanted.port in (0, found.port)
