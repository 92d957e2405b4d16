"""The fleet's hub as a child process of this server: device registry over its socket, events into the books."""

from __future__ import annotations

import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from pi_auto.files import write_whole
from pi_auto.server.links.base import HubAccess, HubFailed, HubUnavailable, LinkState, MethodAnswer
from pi_auto.server.links.control import ControlRoom
from pi_auto.server.links.follower import Follower
from pi_auto.server.links.supervisor import Supervisor
from pi_auto.server.links.tls import HubTls
from pi_auto.server.settings import Address, Settings
from pi_auto.server.store.engine import Store
from pi_auto.server.store.writer import Writer
from pi_auto.server.trust.fleet import Fleet
from pi_auto.wire.fleet_card import server_name
from pi_auto.wire.registration import HubDial


class LocalLink:
    """The hub that the server runs itself."""

    def __init__(self, supervisor: Supervisor, follower: Follower) -> None:
        self._supervisor, self._follower = supervisor, follower
        self._room = ControlRoom(supervisor.socket)

    @classmethod
    def start(cls, settings: Settings, store: Store, writer: Writer, fleet: Fleet | None = None) -> Self:
        """Start the hub and follow its events; returns at once, whether or not it is up yet. Raises HubFailed.

        With a fleet it speaks TLS, by the fleet's name and with its server's certificate.
        """
        if settings.hub_mqtt is None:
            raise ValueError("the settings switch the hub off")
        folder = settings.data / "hub"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            source = _source(folder)
        except OSError as error:
            raise HubFailed(f"the hub's folder {folder} cannot be used: {error.strerror}") from error
        supervisor = Supervisor(
            settings.data, settings.hub_mqtt, insecure=settings.insecure_plain_mqtt, tls=_tls(settings, fleet)
        )
        return cls(supervisor, Follower(supervisor.socket, source, store, writer))

    def show_certificate(self) -> None:
        """Have the hub show the certificate that the server has now. Raises HubUnavailable."""
        self._supervisor.show_certificate()

    def put_device(self, device_id: str) -> HubAccess:
        """Make sure the device exists at the hub. Raises HubUnavailable."""
        return self._access("put_device", device_id)

    def set_enabled(self, device_id: str, *, enabled: bool) -> None:
        """Let the device connect, or end its connection. Raises HubUnavailable or HubRefused."""
        self._room.set_enabled(device_id, enabled=enabled)

    def rotate_keys(self, device_id: str) -> HubAccess:
        """A new primary key; the one before becomes the secondary. Raises HubUnavailable or HubRefused."""
        return self._access("rotate_keys", device_id)

    def delete_device(self, device_id: str) -> None:
        """Remove the device and its twin, if it is there. Raises HubUnavailable."""
        self._room.delete_device(device_id)

    def patch_desired(self, device_id: str, patch: dict[str, Any]) -> None:
        """Merge a patch into what a device is to be; null removes. Raises HubUnavailable or HubRefused."""
        self._room.patch_desired(device_id, patch)

    def patch_tags(self, device_id: str, patch: dict[str, Any]) -> None:
        """Merge a patch into the twin's tags; null removes. Raises HubUnavailable or HubRefused."""
        self._room.patch_tags(device_id, patch)

    def call_method(self, device_id: str, name: str, payload: Any, *, timeout: float) -> MethodAnswer:
        """Call a direct method. Raises DeviceOffline, HubUnavailable or HubRefused."""
        return self._room.call_method(device_id, name, payload, timeout=timeout)

    def _access(self, operation: str, device_id: str) -> HubAccess:
        bound = self._supervisor.bound()
        if bound is None:
            raise HubUnavailable("it is starting")
        websocket = self._supervisor.websocket()
        dial = HubDial(
            bound.host,
            bound.port,
            tls=self._supervisor.speaks_tls,
            websocket_port=websocket.port if websocket else None,
        )
        return HubAccess(self._room.keys(operation, device_id), dial)

    def state(self) -> LinkState:
        """How the link stands."""
        bound, websocket = self._supervisor.bound(), self._supervisor.websocket()
        ports: dict[str, int] = {}
        if bound and self._supervisor.speaks_tls:
            ports = {"mqtt": bound.port} | ({"websocket": websocket.port} if websocket else {})
        return LinkState("local", bound is not None, self._follower.reads(), ports)

    def wait_bound(self, timeout: float) -> Address:
        """Where the hub listens, once it does; HubFailed after so many seconds."""
        return self._supervisor.wait_bound(timeout)

    def close(self) -> None:
        """Stop reading events and the hub; what is not booked yet waits in the hub's log."""
        self._follower.stop()
        self._supervisor.close()
        self._follower.close()


def _tls(settings: Settings, fleet: Fleet | None) -> HubTls | None:
    if fleet is None:
        return None
    return HubTls(server_name(fleet.fleet_id), fleet.certificate.pem_in_the_clear, settings.hub_websocket)


def _source(folder: Path) -> str:
    """The name of this hub's event log in the table of cursors.

    A hub whose folder was removed numbers its events from 1 again; with a name of its own it
    is read from its first event.
    """
    path = folder / "incarnation"
    with suppress(FileNotFoundError, UnicodeError):
        if name := path.read_text().strip():
            return f"local:{name}"[:64]
    name = str(uuid.uuid4())
    write_whole(path, f"{name}\n", mode=0o600)
    return f"local:{name}"
