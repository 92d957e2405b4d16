"""Whether the agent is connected to the IoT Hub, and if not, whether it is the network's fault or the hub's."""

from __future__ import annotations

from dataclasses import dataclass

from pi_auto.client.agent.errors import HubError
from pi_auto.client.agent.hub.way import ways_into
from pi_auto.client.doctor.findings import Verdict, ok, warn, wrong
from pi_auto.client.doctor.patient import Patient
from pi_auto.client.doctor.reaching import knock
from pi_auto.wire.registration import RegistrationAnswer


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the way into the hub.

    `address` is where it listens; None where there is none, for the reason `no_way` if that is a fault.
    `blocked` is why it cannot be reached from here. `connected` and `said` are the agent's word, None without one.
    """

    registered: bool
    address: str | None = None
    no_way: str = ""
    blocked: str = ""
    connected: bool | None = None
    said: str = ""


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Read what the agent tells, and knock at the hub's door."""
    given = patient.registration()
    if given is None:
        return Facts(registered=False)
    post = patient.agent_tells().get("hub")
    told = (bool(post.news["ok"]), str(post.news["said"])) if post else (None, "")
    try:
        doors = _doors(patient, given)
    except HubError as error:
        return Facts(True, None, str(error), "", *told)
    if not doors:
        return Facts(True, None, "", "", *told)
    (host, port), blocked = _knock(doors)
    return Facts(True, f"{host} port {port}", "", blocked, *told)


def judge(facts: Facts) -> Verdict:
    """What that means."""
    if not facts.registered:
        return wrong("no hub is known before the device is registered", "see the line about the registration")
    if facts.no_way:
        return wrong(facts.no_way, "have a new connection string fetched: sudo systemctl restart pi-auto-client")
    if facts.address is None:
        return ok("the server has no IoT Hub for this device")
    return ok(f"connected to {facts.address}") if facts.connected else _without_connection(facts)


def _without_connection(facts: Facts) -> Verdict:
    if facts.blocked:
        return wrong(
            f"{facts.address} cannot be reached: {facts.blocked}",
            f"look whether the hub runs; the network must let TCP to {facts.address} out",
        )
    if facts.connected is None:
        return warn(
            f"{facts.address} can be reached, but the agent tells nothing of it",
            "see the line about the services: sudo systemctl start pi-auto-client",
        )
    return wrong(
        f"{facts.address} can be reached, but the agent is not connected: {facts.said}",
        "if it stays so, have the device's entry at the IoT Hub looked at (disabled? another key?), "
        "then: sudo systemctl restart pi-auto-client",
    )


def _doors(patient: Patient, given: RegistrationAnswer) -> list[tuple[str, int]]:
    settings = patient.settings
    ways = ways_into(
        given, given.device_id, settings.server_ca, settings.proxy, insecure=settings.insecure_plain_http
    )
    return [way.first_hop for way in ways]


def _knock(doors: list[tuple[str, int]]) -> tuple[tuple[str, int], str]:
    """The first door that opens, else the first of all and why it does not."""
    found = [(door, knock(*door)) for door in doors[:1]]
    if found[0][1]:
        found += [(door, knock(*door)) for door in doors[1:]]
    return next((each for each in found if not each[1]), found[0])
