"""Who on the network may know where the server is: mDNS, DNS, and a probe where the card names no address."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from threading import Event

from pi_auto.client.agent.network.candidates import DNS, MDNS, PROBE
from pi_auto.client.agent.network.mdns import servers_announced
from pi_auto.client.agent.network.netlink import OwnAddress
from pi_auto.client.agent.network.own_link import own_addresses
from pi_auto.client.agent.network.probing import Seldom, neighbours, servers_probed
from pi_auto.client.agent.network.racing import Source
from pi_auto.client.agent.network.search_domain import SearchDomain
from pi_auto.wire.server_address import ServerAddress

_OTHERS_FIRST = 2.0  # seconds that the others have before the probe begins


class Sources:
    """Those for devices of one fleet, or of any where it is None; `probes` where nobody has named an address."""

    def __init__(
        self, fleet_id: str | None, *, probes: bool, own: Callable[[], Iterable[OwnAddress]] = own_addresses
    ) -> None:
        self._fleet_id, self._probes, self._own = fleet_id, probes, own
        self._domain, self._seldom = SearchDomain(), Seldom()

    def network_changed(self) -> None:
        """What was probed was another network."""
        self._seldom.anew()

    def now(self) -> list[Source]:
        """Those to be asked in a search that begins now."""
        found = [Source(MDNS, self._announced), Source(DNS, self._domain.servers_named)]
        if self._probes and self._seldom.is_time(time.monotonic()):
            found.append(Source(PROBE, self._probed))
        return found

    def _announced(self, over: Event) -> Iterator[ServerAddress]:
        return servers_announced(self._fleet_id, self._own(), over)

    def _probed(self, over: Event) -> Iterator[ServerAddress]:
        if not over.wait(_OTHERS_FIRST):
            yield from servers_probed(self._fleet_id, neighbours(self._own()), over)
