"""Whether there is a network: a cable or a Wi-Fi, an address, a way out."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from pi_auto.client.doctor.findings import Verdict, ok, warn, wrong
from pi_auto.client.doctor.patient import Patient
from pi_auto.client.endpoint import is_loopback
from pi_auto.client.settings import SettingsError
from pi_auto.client.whereabouts import known_endpoint
from pi_auto.wire.errors import FieldError

_LOOPBACK = "772"  # ARPHRD_LOOPBACK
_UP, _REJECT = 0x0001, 0x0200  # of a route's flags: RTF_UP, RTF_REJECT
_NO_NETWORK = "plug in a network cable, or join a Wi-Fi: scan the code that a phone shows of it, or sudo nmtui"
_NO_WAY_OUT = "look at the router's address in the DHCP settings of the network, then: ip route"


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface; `up` when it is connected."""

    name: str
    up: bool
    wireless: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Interfaces but for the loopback, addresses that others can reach, where the default routes lead.

    `near` says that the server is in a network this device is connected to; `server` is where it is said to be.
    """

    interfaces: tuple[Interface, ...] = ()
    addresses: tuple[str, ...] = ()
    ways_out: tuple[str, ...] = ()
    near: bool = False
    server: str = ""


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Read what the kernel shows of interfaces, addresses and routes."""
    net = patient.at("/proc/net")
    server = _server(patient)
    routes, six = _lines(net / "route")[1:], _lines(net / "ipv6_route")
    return Facts(
        interfaces_of(patient),
        (*_addresses(_lines(net / "fib_trie")), *_addresses6(_lines(net / "if_inet6"))),
        tuple(sorted({*_defaults(routes), *_defaults6(six)})),
        _is_near(server, routes),
        server,
    )


def judge(facts: Facts) -> Verdict:
    """What that means."""
    up = [each.name for each in facts.interfaces if each.up]
    if not up:
        return wrong(f"no network: {_unconnected(facts.interfaces)}", _NO_NETWORK)
    if not facts.addresses:
        return wrong(
            f"{', '.join(up)} is connected, but has no address",
            "look whether the network's router gives addresses (DHCP), then pull the cable and plug it in again",
        )
    said = f"{', '.join(up)} with {', '.join(facts.addresses)}"
    if lacks := _version_lacked(facts):
        return wrong(
            f"{said}: no {lacks}, and the server's address {facts.server} is {lacks}",
            "name the server by a host name or an address of the other kind, or have the network carry both",
        )
    if facts.ways_out:
        return ok(f"{said}, way out through {', '.join(facts.ways_out)}")
    if facts.near:
        return warn(f"{said}, but no default route: only the local network can be reached", _NO_WAY_OUT)
    return wrong(f"{said}, but no default route: nothing beyond the local network can be reached", _NO_WAY_OUT)


def _version_lacked(facts: Facts) -> str:
    """IPv4 or IPv6, where the server's address is of the one that this device has not."""
    try:
        needed = ipaddress.ip_address(facts.server)
    except ValueError:  # a name may lead to both
        return ""
    has = {ipaddress.ip_address(each).version for each in facts.addresses}
    return "" if needed.is_loopback or needed.version in has else f"IPv{needed.version}"


def interfaces_of(patient: Patient) -> tuple[Interface, ...]:
    """The interfaces that are a piece of hardware or are connected, but for the loopback."""
    found = (_interface(folder) for folder in sorted(patient.at("/sys/class/net").glob("*")) if folder.is_dir())
    return tuple(each for each in found if each)


def _interface(folder: Path) -> Interface | None:
    state, carrier = _first(folder / "operstate"), _first(folder / "carrier")
    up = state == "up" or (state == "unknown" and carrier == "1")
    if _first(folder / "type") == _LOOPBACK or not (up or (folder / "device").exists()):
        return None
    return Interface(folder.name, up, (folder / "wireless").exists() or (folder / "phy80211").exists())


def _unconnected(interfaces: tuple[Interface, ...]) -> str:
    if not interfaces:
        return "this machine shows no network interface"
    return ", ".join(
        f"{each.name} {'has joined no Wi-Fi' if each.wireless else 'has no cable'}" for each in interfaces
    )


def _addresses(trie: list[str]) -> list[str]:
    """The machine's own IPv4 addresses in /proc/net/fib_trie: each stands before its `/32 host LOCAL`."""
    own = {
        before.rpartition(" ")[2] for before, line in pairwise(trie) if line.split() == ["/32", "host", "LOCAL"]
    }
    return sorted(each for each in own if not _is_of_no_use(each))


def _addresses6(lines: list[str]) -> list[str]:
    found = (str(ipaddress.IPv6Address(int(line.split()[0], 16))) for line in lines if len(line.split()) == 6)
    return sorted(each for each in found if not _is_of_no_use(each))


def _is_of_no_use(address: str) -> bool:
    """Whether nobody else can be reached from it: a link-local one is what is left when DHCP gave none."""
    parsed = ipaddress.ip_address(address)
    return parsed.is_loopback or parsed.is_link_local


def _defaults(routes: list[str]) -> set[str]:
    rows = (line.split() for line in routes)
    return {row[0] for row in rows if len(row) > 7 and row[1] == row[7] == "00000000" and _is_way(int(row[3], 16))}


def _defaults6(routes: list[str]) -> set[str]:
    rows = (row for row in (line.split() for line in routes) if len(row) == 10 and row[9] != "lo")
    return {row[9] for row in rows if not row[0].strip("0") and row[1] == "00" and _is_way(int(row[8], 16))}


def _is_way(flags: int) -> bool:
    return bool(flags & _UP) and not flags & _REJECT


def _server(patient: Patient) -> str:
    try:
        return known_endpoint(patient.settings).first_hop[0]
    except (FieldError, SettingsError):  # the latter of a card, of which the check `card` complains
        return ""


def _is_near(server: str, routes: list[str]) -> bool:
    """Whether a route other than the default one leads to the server; a name may be anywhere."""
    if is_loopback(server):
        return True
    try:
        address = int.from_bytes(ipaddress.IPv4Address(server).packed, "little")  # as the kernel writes them
    except ValueError:
        return False
    rows = (line.split() for line in routes)
    return any(
        int(row[7], 16) and address & int(row[7], 16) == int(row[1], 16) and _is_way(int(row[3], 16))
        for row in rows
        if len(row) > 7
    )


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:  # no IPv6, or none of a network at all
        return []


def _first(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:  # the kernel refuses to tell the carrier of an interface that is down
        return ""
