"""What the server needs of the hub its fleet talks to, wherever that hub runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.registration import HubDial


class HubUnavailable(Exception):  # noqa: N818 - a condition that passes
    """The hub cannot be asked now; the same may be tried again later."""


class HubRefused(HubUnavailable):
    """The hub will not do it, however often it is asked; the sentence is the hub's."""


class HubFailed(Exception):  # noqa: N818 - it reads as the sentence it is
    """The hub did not start; the sentence says where it was to listen, or what is in its way."""


@dataclass(frozen=True, slots=True)
class HubAccess:
    """A device's way into the hub; `dial` only where it is not port 8883, TLS, of the connection string's host."""

    connection_string: ConnectionString
    dial: HubDial | None = None


class Link(Protocol):
    """One hub. Every method may be called from any thread."""

    def put_device(self, device_id: str) -> HubAccess:
        """Make sure the device exists at the hub. Raises HubUnavailable."""
        ...

    def close(self) -> None:
        """Stop reading events and let go of the hub."""
        ...
