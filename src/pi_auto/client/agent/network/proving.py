"""Whether an address is a server of this device's fleet. Nothing of the device is told before it has proven that.

One with the fleet's own certificate proves it by the TLS handshake. One with a public
certificate proves its name so, and the fleet by signing the device's nonce together with
that name: an impostor that hands the nonce on to the real server has another name.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.enrolment.openssl import OpensslError, is_signed_by
from pi_auto.client.agent.errors import ApiError, Garbled
from pi_auto.client.endpoint import Endpoint
from pi_auto.client.proxy import Proxy
from pi_auto.frozen import replace
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.fleet_proof import FleetProof, ProofRequest
from pi_auto.wire.health import SERVICE
from pi_auto.wire.server_address import FLEET, ServerAddress
from pi_auto.wire.signed import PROOF, Signed

PATIENCE = 8.0  # seconds for one address; a server on the same network takes a tenth of one


@dataclass(frozen=True, slots=True)
class Prover:
    """Asks servers to prove the fleet of `card`, by the site's proxy where there is one."""

    card: FleetCard
    proxy: Proxy | None = None
    public_ca: Path | None = None  # of the authorities for public certificates; None: the system's
    as_of: Callable[[], datetime] | None = (
        None  # tells what certificates' dates are held against; None: this clock
    )

    def prove(self, address: ServerAddress) -> Endpoint:
        """How to talk to the server at `address` from now on. Raises ApiError with the reason why not."""
        endpoint = replace(endpoint_of(address, self.card, self.public_ca).by(self.proxy), as_of=self.as_of)
        api = ServerApi(endpoint, patience=PATIENCE)
        try:
            self._check_health(api)
            if address.certificate != FLEET:
                self._check_proof(api, endpoint.name)
        finally:
            api.close()
        return endpoint

    def _check_health(self, api: ServerApi) -> None:
        health = api.get("/api/health", {})
        if health.get("service") != SERVICE:
            raise Garbled("it is no server of barcode devices")
        if health.get("fleet_id") != self.card.fleet_id:
            raise Garbled(f"it says it is of another fleet: {str(health.get('fleet_id'))[:40]}")

    def _check_proof(self, api: ServerApi, name: str) -> None:
        nonce = secrets.token_urlsafe(32)
        answer = api.post("/api/fleet_proof", ProofRequest(nonce).to_json())
        if why := _why_not(answer, self.card, nonce, name):
            raise Garbled(f"it does not prove the fleet: {why}")


def endpoint_of(address: ServerAddress, card: FleetCard, public_ca: Path | None = None) -> Endpoint:
    """What is dialled at this address, and what its certificate has to say there."""
    dialled = (address.host, address.port)
    if address.certificate == FLEET:
        return Endpoint(tls=True, host=str(address), dialled=dialled, name=card.server_name, ca=card.ca)
    return Endpoint(tls=True, host=str(address), dialled=dialled, name=address.host, ca=public_ca)


def _why_not(answer: object, card: FleetCard, nonce: str, name: str) -> str | None:
    try:
        signed = Signed.from_json(answer, PROOF)
        if not is_signed_by(card.fleet_key, signed.signed_bytes, signed.signature):
            return "its signature is not the fleet's"
        return FleetProof.from_json(signed.content()).proves(card.fleet_id, nonce, name)
    except (FieldError, OpensslError) as error:
        return str(error)


def reason_of(error: ApiError | OSError) -> str:
    """What is told of an address that was no use; bounded, since it may hold a stranger's words."""
    return str(error)[:300]
