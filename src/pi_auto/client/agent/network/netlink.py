"""What the kernel says over netlink of addresses and routes, read out of its bytes. Pure.

Source: linux/netlink.h, linux/rtnetlink.h, linux/if_addr.h. Bytes that make no sense end the reading of
what they stand in, and raise nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from socket import AF_INET, AF_INET6

DONE, ERROR = 3, 2  # NLMSG_DONE, NLMSG_ERROR
GET_ADDRESSES, GET_ROUTES = 22, 26  # RTM_GETADDR, RTM_GETROUTE
_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH
_NEW_ADDRESS, _NEW_ROUTE = 20, 24  # RTM_NEWADDR, RTM_NEWROUTE
_HEAD, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=HH")
_ADDRESS, _ROUTE = struct.Struct("=BBBBI"), struct.Struct("=BBBBBBBBI")
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8
_NOT_USABLE = 0x40 | 0x08  # IFA_F_TENTATIVE, IFA_F_DADFAILED: nobody can be talked to from it (yet)
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_TABLE = 1, 4, 5, 15
_MAIN, _UNICAST = 254, 1  # RT_TABLE_MAIN, RTN_UNICAST
_DEAD = 0x01 | 0x10  # RTNH_F_DEAD, RTNH_F_LINKDOWN: there is no cable
_CLONED = 0x200  # RTM_F_CLONED: what the kernel remembers of one destination
_NESTED = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER

IpAddress = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """An address of this machine, of so many bits of network, on the interface of that number."""

    interface: int
    address: IpAddress
    bits: int


@dataclass(frozen=True, slots=True)
class Route:
    """A way that is open: packed destination (empty for all the world) and gateway, out of that interface."""

    interface: int
    destination: bytes
    bits: int
    gateway: bytes


def question(kind: int, family: int = 0) -> bytes:
    """The message that asks for everything of a kind."""
    return _HEAD.pack(_HEAD.size + 4, kind, _DUMP, 1, 0) + bytes((family, 0, 0, 0))


def messages(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and body of each message in a datagram."""
    at = 0
    while at + _HEAD.size <= len(octets):
        length, kind, *_ = _HEAD.unpack_from(octets, at)
        if not _HEAD.size <= length <= len(octets) - at:
            return
        yield kind, octets[at + _HEAD.size : at + length]
        at += _aligned(length)


def addresses_in(octets: bytes) -> list[OwnAddress]:
    """The usable addresses that a datagram tells of, loopback's left out."""
    found = (_address(body) for kind, body in messages(octets) if kind == _NEW_ADDRESS)
    return [each for each in found if each and not each.address.is_loopback]


def routes_in(octets: bytes) -> list[Route]:
    """The open ways into networks that a datagram tells of."""
    found = (_route(body) for kind, body in messages(octets) if kind == _NEW_ROUTE)
    return [each for each in found if each]


def _address(body: bytes) -> OwnAddress | None:
    if len(body) < _ADDRESS.size:
        return None
    family, bits, flags, _, interface = _ADDRESS.unpack_from(body)
    told = _attributes(body[_ADDRESS.size :])
    # On a link between two IFA_ADDRESS is the other one's; IPv6 tells IFA_ADDRESS alone.
    address = _ip(family, told.get(_IFA_LOCAL) or told.get(_IFA_ADDRESS, b""))
    if address is None or (flags | _number(told.get(_IFA_FLAGS))) & _NOT_USABLE or bits > address.max_prefixlen:
        return None
    return OwnAddress(interface, address, bits)


def _route(body: bytes) -> Route | None:
    if len(body) < _ROUTE.size:
        return None
    _, bits, _, _, table, _, _, kind, flags = _ROUTE.unpack_from(body)
    told = _attributes(body[_ROUTE.size :])
    table = _number(told.get(_RTA_TABLE)) or table
    if table != _MAIN or kind != _UNICAST or flags & (_DEAD | _CLONED):
        return None
    return Route(_number(told.get(_RTA_OIF)), told.get(_RTA_DST, b""), bits, told.get(_RTA_GATEWAY, b""))


def _attributes(octets: bytes) -> dict[int, bytes]:
    found, at = {}, 0
    while at + _ATTRIBUTE.size <= len(octets):
        length, kind = _ATTRIBUTE.unpack_from(octets, at)
        if not _ATTRIBUTE.size <= length <= len(octets) - at:
            break
        found[kind & _NESTED] = octets[at + _ATTRIBUTE.size : at + length]
        at += _aligned(length)
    return found


def _ip(family: int, octets: bytes) -> IpAddress | None:
    return ip_address(octets) if (family, len(octets)) in ((AF_INET, 4), (AF_INET6, 16)) else None


def _number(octets: bytes | None) -> int:
    return int(struct.unpack("=I", octets)[0]) if octets and len(octets) == 4 else 0


def _aligned(length: int) -> int:
    return length + 3 & ~3
