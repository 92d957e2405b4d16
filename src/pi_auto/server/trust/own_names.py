"""What this machine is called on its networks, for its certificate: people open the server's pages by that.

Devices do not care: they verify the fleet's name. Nobody is asked, so nothing here can hang: the names
come from the kernel and from what this machine's own resolver reads, the addresses from its adapters.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import ifaddr

from pi_auto.server.settings import Address, Settings
from pi_auto.server.trust.names import PRIVATE_NETWORKS
from pi_auto.wire.server_address import is_name

IpAddress = IPv4Address | IPv6Address
MOST_ADDRESSES = 16
_MOST_READ = 64 * 1024  # characters of a file
_TEMPORARY = 0x01  # IFA_F_TEMPORARY: an address of IPv6 that is another one tomorrow (RFC 8981)
_HOSTS, _RESOLVER, _IPV6 = Path("/etc/hosts"), Path("/etc/resolv.conf"), Path("/proc/net/if_inet6")
_log = logging.getLogger(__name__)


def own_names(settings: Settings) -> tuple[str, ...]:
    """The names and private addresses under which others reach this machine's pages; none on loopback alone."""
    if settings.https is None or settings.https.loopback:
        return ()
    names = names_of(socket.gethostname(), _read(_HOSTS), _read(_RESOLVER))
    return (*names, *map(str, _reached(settings.https)))


def machine_addresses() -> Iterator[IpAddress]:
    """All addresses of this machine, as its adapters have them now."""
    for adapter in ifaddr.get_adapters():
        for each in adapter.ips:
            yield ip_address(each.ip[0] if isinstance(each.ip, tuple) else each.ip)


def names_of(host: str, hosts: str, resolver: str) -> tuple[str, ...]:
    """The host's name, the one of mDNS, and its full one: from /etc/hosts, else by the search domain."""
    host = host.strip().rstrip(".").lower()
    short = host.partition(".")[0]
    full = host if "." in host else _full_name(host, hosts) or _searched(host, resolver)
    wanted = (host, f"{short}.local", full)
    return tuple(dict.fromkeys(name for name in wanted if is_name(name) and short != "localhost"))


def private_addresses(found: Iterable[IpAddress], ipv6: str) -> tuple[IpAddress, ...]:
    """Those that private networks reach and that stay, in order; `ipv6` is the kernel's list, with flags."""
    passing = set(_temporary(ipv6))
    kept = {each for each in found if _is_private(each) and each not in passing}
    return tuple(sorted(kept, key=lambda each: (each.version, int(each)))[:MOST_ADDRESSES])


def _reached(listening: Address) -> tuple[IpAddress, ...]:
    bound = ip_address(listening.host)
    if not bound.is_unspecified:
        return ()  # it is among the names that were told
    try:
        found = [each for each in machine_addresses() if bound.version == 6 or each.version == 4]
    except OSError as error:
        _log.warning("this machine's addresses cannot be read, so its certificate bears none: %s", error)
        return ()
    return private_addresses(found, _read(_IPV6))


def _is_private(address: IpAddress) -> bool:
    """Whether the authority may vouch for it. Link-local ones are no use: browsers take none with a zone."""
    useless = address.is_loopback or address.is_link_local
    return not useless and any(address in network for network in PRIVATE_NETWORKS)


def _full_name(host: str, hosts: str) -> str:
    """The first name of a line of /etc/hosts that names this host, if it has dots."""
    for line in hosts.splitlines():
        _, *names = line.partition("#")[0].lower().split() or [""]
        if host in names and "." in names[0]:
            return names[0]
    return ""


def _searched(host: str, resolver: str) -> str:
    """The name that this machine's resolver makes of a bare one first."""
    for line in resolver.splitlines():
        words = line.lower().split()
        if len(words) > 1 and words[0] in {"search", "domain"}:
            domain = words[1].strip(".")
            return f"{host}.{domain}" if domain else ""
    return ""


def _temporary(ipv6: str) -> Iterator[IpAddress]:
    for line in ipv6.splitlines():
        words = line.split()
        with suppress(IndexError, ValueError):
            if int(words[4], 16) & _TEMPORARY:
                yield IPv6Address(bytes.fromhex(words[0]))


def _read(path: Path) -> str:
    try:
        with path.open(errors="replace") as file:
            return file.read(_MOST_READ)
    except OSError:
        return ""
