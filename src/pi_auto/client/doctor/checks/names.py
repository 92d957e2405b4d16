"""Whether names lead to addresses: the server's, and the hub's where the device knows it."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address

from pi_auto.client.doctor.findings import Verdict, ok, wrong
from pi_auto.client.doctor.patient import Patient
from pi_auto.client.doctor.reaching import look_up, told
from pi_auto.client.settings import SettingsError
from pi_auto.client.whereabouts import known_endpoint
from pi_auto.wire.errors import FieldError


@dataclass(frozen=True, slots=True)
class Name:
    """A name that is needed: its addresses, or why there are none; `exists` unless somebody knows it does not."""

    name: str
    addresses: tuple[str, ...] = ()
    trouble: str = ""
    exists: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    """Who is asked for names, and what came of asking."""

    resolvers: tuple[str, ...] = ()
    names: tuple[Name, ...] = ()


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Look up the names that the agent has to look up."""
    return Facts(tuple(_resolvers(patient)), tuple(_looked_up(host) for host in _needed(patient)))


def judge(facts: Facts) -> Verdict:
    """What that means."""
    lost = [each for each in facts.names if each.trouble]
    if not lost:
        led = ", ".join(f"{each.name} is {each.addresses[0]}" for each in facts.names if each.addresses)
        return ok(led or "no name has to be looked up")
    what = "; ".join(f"{each.name} leads to no address: {each.trouble}" for each in lost)
    if not facts.resolvers:
        return wrong(
            f"{what}; the network has named no DNS server",
            "look at the DNS server in the DHCP settings of the network's router, then: cat /etc/resolv.conf",
        )
    asked = ", ".join(facts.resolvers)
    if not lost[0].exists:
        return wrong(
            f"{what} (asked: {asked})",
            f"look for a slip in {lost[0].name}: cat /etc/pi_auto_client.json; or look at the DNS server",
        )
    return wrong(f"{what} (asked: {asked})", f"look whether the DNS server answers: ping {facts.resolvers[0]}")


def _needed(patient: Patient) -> list[str]:
    hosts = []
    with suppress(FieldError, SettingsError):  # the latter of a card, of which the check `card` complains
        hosts.append(known_endpoint(patient.settings).first_hop[0])
    with suppress(PermissionError):  # the hub's is looked up as well where we may know it
        given = patient.registration()
        if given and given.hub and not patient.settings.proxy:  # which looks names up itself
            hosts.append(given.hub.address)
    return sorted({host for host in hosts if not _is_address(host)})


def _is_address(host: str) -> bool:
    with suppress(ValueError):
        return bool(ip_address(host))
    return False


def _looked_up(host: str) -> Name:
    try:
        return Name(host, tuple(look_up(host)))
    except socket.gaierror as error:
        return Name(host, trouble=told(error), exists=error.errno != socket.EAI_NONAME)
    except (OSError, UnicodeError) as error:
        return Name(host, trouble=told(error))


def _resolvers(patient: Patient) -> list[str]:
    with suppress(OSError):
        lines = patient.at("/etc/resolv.conf").read_text(errors="replace").splitlines()
        return [line.split()[1] for line in lines if line.startswith("nameserver") and len(line.split()) > 1]
    return []
