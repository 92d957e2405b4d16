"""A device of a fleet before a real server: enrolled over TLS with a batch token, as the card says."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
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


def place(address: str) -> tuple[str, int]:
    """Host and port of ADDRESS:PORT."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def card_of(server: RunningServer, batch: str) -> FleetCard:
    """A card with a new batch token of that name; its address is left to the caller."""
    question = {"request": "card", "batch": batch, "most": 10, "days": 1, "servers": [server.https]}
    return FleetCard.from_json(ask(socket_file(server.data), question)["card"])


def connect(address: str, card: FleetCard, name: str | None = None) -> ssl.SSLSocket:
    """A TLS connection as devices make it: dialled by address, verified by the fleet's name."""
    context = ssl.create_default_context(cadata=card.ca)
    plain = socket.create_connection(place(address), timeout=20)
    try:
        return context.wrap_socket(plain, server_hostname=name or card.server_name)
    except BaseException:
        plain.close()
        raise


def enrol(server: RunningServer, card: FleetCard, serial: str, host: str | None = None) -> RegistrationAnswer:
    """A new key's registration; `host` is what the Host header says."""
    connection = http.client.HTTPConnection(*place(server.https), timeout=20)
    connection.sock = connect(server.https, card)
    headers = {"Content-Type": "application/json"} | ({"Host": host} if host else {})
    try:
        nonce = _post(connection, "/api/register_device/nonce", {}, headers)["nonce"]
        key = new_key()
        registration = Registration(f"pi-{serial[-8:]}", datetime.now(UTC), {"hostname": "box"}, "1.0.0")
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
