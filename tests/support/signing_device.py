"""A device with a key before the API of a server: it signs as devices do and says what it is told."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from werkzeug.test import TestResponse

from pi_auto.server.fleet.claims import hash_secret
from pi_auto.wire.enrolment import Enrolment, Nonce, Renewal
from pi_auto.wire.ids import device_id_from
from pi_auto.wire.registration import Registration
from pi_auto.wire.signed import ENROLMENT, RENEWAL, Signed
from support.api import Api
from support.device_keys import DeviceKey


@dataclass
class SigningDevice:
    """A device, its key and the token it was given last."""

    api: Api
    folder: Path
    serial: str = "100000001a2b3c4d"
    boot: str = field(default_factory=lambda: str(uuid.uuid4()))
    token: str | None = None

    def __post_init__(self) -> None:
        self.key = DeviceKey(self.folder)
        self.device_id = device_id_from(self.serial)

    @property
    def fleet_id(self) -> str:
        assert self.api.context.fleet
        return self.api.context.fleet.fleet_id

    def nonce(self) -> str:
        return Nonce.from_json(self.api.client.post("/api/register_device/nonce").get_json()).nonce

    def enrolment(self, **changes: Any) -> Enrolment:
        registration = Registration(self.device_id, self.api.clock.now, {"hostname": "till-3"}, "2.0")
        said: dict[str, Any] = {"fleet_id": self.fleet_id, "serial": self.serial}
        said |= {
            "nonce": changes.get("nonce") or self.nonce(),
            "key": self.key.public,
            "boot": self.boot,
            "registration": registration,
        }
        return Enrolment(**(said | changes))

    def enrol(self, **changes: Any) -> TestResponse:
        return self.send(self.key.sign(ENROLMENT, self.enrolment(**changes)))

    def send(self, signed: Signed, path: str = "/api/register_device", **where: Any) -> TestResponse:
        answer = self.api.client.post(path, json=signed.to_json(), **where)
        if answer.status_code == 200:
            self.token = answer.get_json()["api_token"]
        return answer

    def renew(self, **changes: Any) -> TestResponse:
        said: dict[str, Any] = {"fleet_id": self.fleet_id, "nonce": self.nonce()}
        said |= {"device_id": self.device_id, "boot": self.boot}
        said["holds"] = hash_secret(self.token).hex() if self.token else None
        return self.send(self.key.sign(RENEWAL, Renewal(**(said | changes))), "/api/renew_token")
