"""Under which names the fleet's own authority may vouch for a server. Pure.

People may make their browsers believe the authority, so it is bound to names that nobody else
can be harmed by: the fleet's own, those of private networks, private addresses. A server with a
public name gets a public certificate. Devices do not care: they verify the fleet's name alone.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from pi_auto.wire.fleet_card import server_name
from pi_auto.wire.server_address import is_ip, is_name

# RFC 6761, RFC 6762, RFC 8375, ICANN's reservation of 2024, and what home routers use.
PRIVATE_DOMAINS = ("localhost", "local", "home.arpa", "internal", "lan")
# RFC 1122, RFC 1918, RFC 3927, RFC 6598; RFC 4291, RFC 4193.
PRIVATE_NETWORKS: tuple[IPv4Network | IPv6Network, ...] = tuple(
    ip_network(text)
    for text in (
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
        "::1/128", "fc00::/7", "fe80::/10",
    )
)  # fmt: skip


def permitted_domains(fleet_id: str) -> tuple[str, ...]:
    """The domains that the authority is bound to."""
    return (server_name(fleet_id), *PRIVATE_DOMAINS)


def why_not(name: str, fleet_id: str) -> str | None:
    """Why the authority cannot vouch for a name; None where it can."""
    if is_ip(name):
        address = ip_address(name)
        if any(address in network for network in PRIVATE_NETWORKS):
            return None
        return f"{name} is a public address"
    if not is_name(name):
        return f"{name!r} is no host name and no IP address"
    if any(name.lower() == one or name.lower().endswith(f".{one}") for one in permitted_domains(fleet_id)):
        return None
    return f"{name} may be somebody's name on the internet"


def certified(fleet_id: str, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the server's certificate, the fleet's first: of those wanted the ones that can be had."""
    usual = (server_name(fleet_id), "localhost", "127.0.0.1", "::1")
    return tuple(dict.fromkeys(name.lower() for name in (*usual, *wanted) if why_not(name, fleet_id) is None))
