"""A real fleet, and small servers that have its certificate or somebody else's."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from pi_auto.server.trust.fleet import Fleet, open_fleet
from pi_auto.wire.fleet_card import FleetCard
from support.fleet_peer import FleetPeer

HEALTH, PROOF = "/api/health", "/api/fleet_proof"
SERVICE = "barcode_scanner_server"


class FleetHome:
    """A fleet in a folder: its card, and servers of it. It was `made` now, unless told otherwise."""

    def __init__(self, folder: Path, *names: str, made: datetime | None = None) -> None:
        (folder / "data").mkdir(parents=True)
        begun = made or datetime.now(UTC)
        self.fleet: Fleet = open_fleet(folder / "data", folder / "sealing.key", names, begun)
        self.certificate = folder / "peer.pem"
        self.ca = folder / "ca.pem"
        self.ca.write_text(self.fleet.authority.pem)
        self.certificate.write_bytes(certificate_of(self.fleet))

    @property
    def card(self) -> FleetCard:
        return self.fleet.card(())

    def server(self, certificate: Path | None = None) -> FleetPeer:
        """A server that says it is the fleet's, with the fleet's certificate or with another one; start it."""
        peer = FleetPeer(certificate=certificate or self.certificate)
        peer.always[HEALTH] = lambda handler, _: handler.say(200, self.health())
        peer.always[PROOF] = lambda handler, body: handler.say(200, self.prove(body))
        return peer

    def health(self) -> dict[str, Any]:
        return {"status": "healthy", "service": SERVICE, "fleet_id": self.fleet.fleet_id}

    def prove(self, body: Any) -> dict[str, Any]:
        return self.proof(datetime.now(UTC), body["nonce"])

    def proof(self, moment: datetime, nonce: str = "n" * 43) -> dict[str, Any]:
        """What the fleet signs about the time."""
        return self.fleet.prove(nonce, moment).to_json()


def certificate_of(fleet: Fleet) -> bytes:
    """The server's certificate with its key in the clear, as Python's own server wants it."""
    pem = fleet.certificate.file.read_bytes()
    key = load_pem_private_key(pem, fleet.certificate.password.encode())
    chain = pem[: pem.index(b"-----BEGIN ENCRYPTED")]
    return chain + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
