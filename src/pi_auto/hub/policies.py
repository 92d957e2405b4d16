"""Who may use the service side: shared access policies, their rights and their keys.

The five that every Azure IoT Hub begins with (Microsoft, "Control access to IoT Hub"). Keys
are made at the first start and stay in the hub's database.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from enum import Enum

from pi_auto.hub.database import Database
from pi_auto.hub.registry import new_key
from pi_auto.wire.sas import SasToken


class Right(Enum):
    """What a policy may allow."""

    REGISTRY_READ = "RegistryRead"
    REGISTRY_WRITE = "RegistryWrite"
    SERVICE_CONNECT = "ServiceConnect"
    DEVICE_CONNECT = "DeviceConnect"


RIGHTS = {
    "iothubowner": frozenset(Right),
    "service": frozenset((Right.SERVICE_CONNECT,)),
    "device": frozenset((Right.DEVICE_CONNECT,)),
    "registryRead": frozenset((Right.REGISTRY_READ,)),
    "registryReadWrite": frozenset((Right.REGISTRY_READ, Right.REGISTRY_WRITE)),
}
_NOBODY: frozenset[Right] = frozenset()


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy and its two keys, base64, which stay out of every repr."""

    name: str
    primary_key: str = field(repr=False)
    secondary_key: str = field(repr=False)


class Policies:
    """The policies of one hub."""

    def __init__(self, policies: dict[str, Policy]) -> None:
        self._policies = {policy.name.lower(): policy for policy in policies.values()}

    @classmethod
    async def load(cls, database: Database) -> Policies:
        """Those in the database, made first where they are missing."""
        return cls(await database.submit(_all))

    def find(self, name: str) -> Policy | None:
        """The policy of that name, in any case of its letters."""
        return self._policies.get(name.lower())

    def rights(self, authorization: str, host: str, path: str, now: float) -> frozenset[Right]:
        """What a request to `path` may do at `now` (Unix seconds): nothing where its signature proves nothing.

        A token counts for the hub as a whole, or for the part of it below the path that it names.
        """
        token = SasToken.parse(authorization)
        policy = token and token.policy and self.find(token.policy)
        if not token or not policy or not _covers(token.resource, host, path):
            return _NOBODY
        proofs = [token.proves(token.resource, key, now) for key in (policy.primary_key, policy.secondary_key)]
        return RIGHTS[policy.name] if any(proofs) else _NOBODY


def _covers(resource: str, host: str, path: str) -> bool:
    named, place = resource.lower().rstrip("/"), f"{host}{path}".lower()
    return named.partition("/")[0] == host.lower() and (place == named or place.startswith(f"{named}/"))


def _all(connection: sqlite3.Connection) -> dict[str, Policy]:
    for name in RIGHTS:
        insert = "INSERT OR IGNORE INTO policies (name, primary_key, secondary_key) VALUES (?, ?, ?)"
        connection.execute(insert, (name, new_key(), new_key()))
    rows = connection.execute("SELECT name, primary_key, secondary_key FROM policies")
    return {row[0]: Policy(*row) for row in rows}
