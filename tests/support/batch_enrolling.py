"""A device of a fleet before a real server: enrolled over TLS with a batch token, as the card says."""

from __future__ import annotations

import http.client
import json
import uuid
from datetime import UTC, datetime
from typing import Any

from pi_auto.server.admin.socket import ask, socket_file
from pi_auto.server.trust.authority import public_half
from pi_auto.server.trust.certificates import new_key
from pi_auto.server.trust.signatures import sign
from pi_auto.wire.enrolment import Enrolment
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.registration import Registration, RegistrationAnswer
from pi_auto.wire.signed import ENROLMENT
from support.server import RunningServer
from support.tls import http_to


def card_of(server: RunningServer, batch: str) -> FleetCard:
    """A card with a new batch token of that name; its address is left to the caller."""
    question = {"request": "card", "batch": batch, "most": 10, "days": 1, "servers": [server.https]}
    return FleetCard.from_json(ask(socket_file(server.data), question)["card"])


def enrol(
    server: RunningServer, card: FleetCard, serial: str, host: str | None = None, hostname: str = "box"
) -> RegistrationAnswer:
    """A new key's registration; `host` is what the Host header says, `hostname` what the device calls itself."""
    connection = http_to(server.https, card)
    headers = {"Content-Type": "application/json"} | ({"Host": host} if host else {})
    try:
        nonce = _post(connection, "/api/register_device/nonce", {}, headers)["nonce"]
        key = new_key()
        registration = Registration(f"pi-{serial[-8:]}", datetime.now(UTC), {"hostname": hostname}, "1.0.0")
        asked = Enrolment(
            card.fleet_id, nonce, serial, public_half(key), str(uuid.uuid4()), registration,
            batch_token=card.batch_token,
        )  # fmt: skip
        signed = sign(key, ENROLMENT, asked.to_json()).to_json()
        return RegistrationAnswer.from_json(_post(connection, "/api/register_device", signed, headers))
    finally:
        connection.close()


def _post(
    connection: http.client.HTTPConnection, path: str, body: dict[str, Any], headers: dict[str, str]
) -> dict[str, Any]:
    connection.request("POST", path, json.dumps(body), headers)
    response = connection.getresponse()
    octets = response.read()
    assert response.status == 200, octets
    told: dict[str, Any] = json.loads(octets)
    return told
