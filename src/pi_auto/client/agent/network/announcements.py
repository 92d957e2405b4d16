"""Which servers of a fleet are announced (DNS-SD, RFC 6763), and what is still to be asked. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from pi_auto.client.agent.network.dns_message import AAAA, PTR, SRV, TXT, A, Name, Record, name_of
from pi_auto.wire.announcement import FLEET_KEY, SERVICE_TYPE
from pi_auto.wire.server_address import ServerAddress

SERVICE = name_of(SERVICE_TYPE.removesuffix("."))
_MOST = 256  # records that are kept of one search
_MOST_ASKED = 8  # questions at once

Asked = tuple[Name, int]


class Announcements:
    """What has been heard so far, for devices of one fleet; of any, where it is None."""

    def __init__(self, fleet_id: str | None) -> None:
        self._text = f"{FLEET_KEY}={fleet_id}".encode() if fleet_id else None
        self._records: dict[Record, None] = {}
        self._asked: set[Asked] = set()

    def hear(self, records: Iterable[Record]) -> None:
        """Keep them, while there is room."""
        for record in records:
            if len(self._records) < _MOST:
                self._records[record] = None

    def servers(self) -> list[ServerAddress]:
        """Where the fleet's servers say that they are. A link-local address is none: it lacks the interface."""
        found: dict[ServerAddress, None] = {}
        for instance in self._instances():
            for service in self._of(instance, SRV):
                for each in (*self._of(service.target, A), *self._of(service.target, AAAA)):
                    if service.port and _is_of_use(each.address):
                        found[ServerAddress(each.address, service.port)] = None
        return list(found)

    def missing(self) -> list[Asked]:
        """What to ask for next, each once: a server may tell everything at once, but need not."""
        wanted: list[Asked] = [(each.target, kind) for each in self._of(SERVICE, PTR) for kind in (SRV, TXT)]
        hosts = [service.target for instance in self._instances() for service in self._of(instance, SRV)]
        wanted += [(host, kind) for host in hosts for kind in (A, AAAA) if not self._is_placed(host)]
        lacking = [each for each in wanted if each not in self._asked and not self._of(*each)][:_MOST_ASKED]
        self._asked.update(lacking)
        return lacking

    def _instances(self) -> list[Name]:
        """Those that say they are of the fleet."""
        named = dict.fromkeys(each.target for each in self._of(SERVICE, PTR))
        if self._text is None:
            return list(named)
        return [name for name in named if any(self._text in each.texts for each in self._of(name, TXT))]

    def _is_placed(self, host: Name) -> bool:
        return bool(self._of(host, A) or self._of(host, AAAA))

    def _of(self, name: Name, kind: int) -> list[Record]:
        return [each for each in self._records if each.name == name and each.kind == kind]


def _is_of_use(text: str) -> bool:
    address = ip_address(text)
    return not (
        address.is_loopback
        or address.is_multicast
        or address.is_unspecified
        or (address.version == 6 and address.is_link_local)
    )
