"""What the server needs of the hub its fleet talks to, wherever that hub runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.registration import HubDial


class HubUnavailable(Exception):  # noqa: N818 - a condition that passes
    """The hub cannot be asked now; the same may be tried again later."""


class HubRefused(HubUnavailable):
    """The hub will not do it, however often it is asked; the sentence is the hub's."""


class DeviceOffline(HubUnavailable):
    """The device cannot be asked now: it is not connected, or did not answer in time."""


class HubFailed(Exception):  # noqa: N818 - it reads as the sentence it is
    """The hub did not start; the sentence says where it was to listen, or what is in its way."""


@dataclass(frozen=True, slots=True)
class HubAccess:
    """A device's way into the hub; `dial` only where it is not port 8883, TLS, of the connection string's host."""

    connection_string: ConnectionString
    dial: HubDial | None = None


@dataclass(frozen=True, slots=True)
class MethodAnswer:
    """What a device answered to a direct method; `payload` is any JSON value, None for an empty answer."""

    status: int
    payload: Any


@dataclass(frozen=True, slots=True)
class LinkState:
    """How a hub's link stands: whether the hub answers, and whether its events are read; None: not known yet.

    `tls_ports` are those at which a hub of the server's own speaks TLS, by what is spoken there.
    """

    kind: str
    answers: bool | None
    events: bool | None
    tls_ports: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As /api/health tells it."""
        return {"kind": self.kind, "answers": self.answers, "events": self.events}


class Link(Protocol):
    """One hub. Every method may be called from any thread; HubUnavailable passes, HubRefused does not."""

    def put_device(self, device_id: str) -> HubAccess:
        """Make sure the device exists at the hub. Raises HubUnavailable."""
        ...

    def set_enabled(self, device_id: str, *, enabled: bool) -> None:
        """Let the device connect, or end its connection and refuse it from now on."""
        ...

    def rotate_keys(self, device_id: str) -> HubAccess:
        """Give the device a new primary key. The one before becomes the secondary, so nothing is cut off."""
        ...

    def delete_device(self, device_id: str) -> None:
        """Remove the device and its twin. One that is not there is no error: it may be asked twice."""
        ...

    def patch_desired(self, device_id: str, patch: dict[str, Any]) -> None:
        """Merge a patch into the device's desired properties; null removes."""
        ...

    def patch_tags(self, device_id: str, patch: dict[str, Any]) -> None:
        """Merge a patch into the tags of the device's twin, which the device never sees; null removes."""
        ...

    def call_method(self, device_id: str, name: str, payload: Any, *, timeout: float) -> MethodAnswer:
        """Call a direct method and wait `timeout` seconds for its answer. Raises DeviceOffline.

        Never sent a second time: whether the device did it before the answer was lost is not known.
        """
        ...

    def state(self) -> LinkState:
        """How the link stands; asks nobody, so that it is answered at once."""
        ...

    def close(self) -> None:
        """Stop reading events and let go of the hub."""
        ...
