"""Whether the server can be reached, is believed, and is one of ours."""

from __future__ import annotations

from dataclasses import dataclass

from pi_auto.client.doctor.checks.clock import is_plausible
from pi_auto.client.doctor.exchange import Exchange, Stop
from pi_auto.client.doctor.findings import Verdict, ok, wrong
from pi_auto.client.doctor.patient import Patient
from pi_auto.client.whereabouts import giver


@dataclass(frozen=True, slots=True)
class Facts:
    """How far the way to `url` went; with a fleet card to a server that has to prove the `fleet`."""

    url: str
    exchange: Exchange
    fleet: str | None = None


_SET = "set the right one: sudo pi-auto-client configure --server https://fleet.example:5443"
_REMEDIES = {
    Stop.UNSET: _SET,
    Stop.NAME: f"see the line about names; if the name itself is wrong, {_SET}",
    Stop.REFUSED: f"look whether the server runs, and whether this is its port; if not, {_SET}",
    Stop.SILENT: f"look whether the server is on, and no firewall is between; if the address is wrong, {_SET}",
    Stop.PROXY: "have the proxy allow CONNECT to that address; if it is the wrong one: configure --proxy",
    Stop.PORTAL: "have the network's keeper let this device in by its MAC address, or use another network",
    Stop.LARGE: "large packets get lost (MTU): try sudo ip link set dev eth0 mtu 1280, and mend the router",
    Stop.AUTHORITIES: "put that file there, or take server_ca out of /etc/pi_auto_client.json",
    Stop.NO_TLS: f"look whether that is the server's HTTPS port; if not, {_SET}",
    Stop.CHAIN: "somebody may stand in between; if this is the right server, set its authority's file: server_ca",
    Stop.NAMED: "somebody may stand in between; if this is the right server, set the name it bears: server_name",
    Stop.DATES: "have the server's certificate renewed",
    Stop.STRANGER: f"a router's or Wi-Fi's log-in page may stand in between; if the address is wrong, {_SET}",
    Stop.UNPROVEN: "somebody may stand in between",
    Stop.UNWELL: "look at the server: its log says what it lacks",
}


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Ask it, unless another check has already."""
    card, met = patient.card(), patient.server()
    return Facts(giver(patient.settings, card), met, card.fleet_id if card else None)


def judge(facts: Facts) -> Verdict:
    """What that means."""
    met = facts.exchange
    if met.stop is Stop.ARRIVED:
        return ok(f"{facts.url} answers, {met.said}")
    if met.stop is Stop.UNSET:
        return wrong(str(met.stop), _REMEDIES[met.stop])
    if met.stop is Stop.DATES and met.now and not is_plausible(met.now):
        return wrong(
            f"{met.address}: the certificate's dates alone fail, because this clock says {met.now:%Y-%m-%d}",
            "see the line about the clock; the server itself is all right",
        )
    if facts.fleet and met.stop in {Stop.NAMED, Stop.CHAIN, Stop.UNPROVEN}:
        return wrong(
            f"{met.address}: what answers does not prove fleet {facts.fleet}: {met.said}",
            "somebody may stand in between, or it is another fleet's server; if it is yours, "
            "this device has the wrong card",
        )
    name = f" (looked for {met.name})" if met.stop in {Stop.NAMED, Stop.CHAIN} else ""
    return wrong(f"{met.address}: {met.stop}{name}: {met.said}", _REMEDIES[met.stop])
