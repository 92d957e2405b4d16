"""How often one address may be wrong before it has to wait. Pure but for its memory, which is bounded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address, ip_network


class Limiter:
    """Counts failures of addresses in a window of seconds. For any number of threads.

    Only failures count: ten thousand devices behind one address may all be right. With another `key`
    than the address's household it counts other things.
    """

    def __init__(
        self,
        most: int,
        window: float,
        clock: Callable[[], float],
        *,
        remembered: int = 10_000,
        key: Callable[[str], str] | None = None,
    ) -> None:
        self._most, self._window, self._clock, self._remembered = most, window, clock, remembered
        self._key = key or household
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, address: str) -> float:
        """Seconds until the address may try again; 0 where it may now."""
        with self._lock:
            begun, count = self._failures.get(self._key(address), (0.0, 0))
            left = begun + self._window - self._clock()
            return left if count >= self._most and left > 0 else 0.0

    def failed(self, address: str) -> None:
        """Count a failure."""
        key = self._key(address)
        with self._lock:
            begun, count = self._failures.pop(key, (0.0, 0))
            if begun + self._window <= self._clock():
                begun, count = self._clock(), 0
            self._failures[key] = (begun, count + 1)
            while len(self._failures) > self._remembered:
                self._failures.popitem(last=False)


def household(address: str) -> str:
    """What is counted together: an IPv4 address, or the /64 of an IPv6 one, all of which one host may use."""
    try:
        found = ip_address(address)
    except ValueError:
        return "unknown"
    mapped = getattr(found, "ipv4_mapped", None) or found
    return str(mapped) if mapped.version == 4 else str(ip_network(f"{mapped}/64", strict=False))
