"""The fleet's hub at Azure: devices, twins and methods by its service side, events into the books."""

from __future__ import annotations

import logging
import math
from typing import Any, Self

from pi_auto.server.links.azure.answers import refusal
from pi_auto.server.links.azure.registry import Identities
from pi_auto.server.links.azure.rest import RestClient, path_of
from pi_auto.server.links.azure.settings import AzureSettings
from pi_auto.server.links.azure.strings import ServiceString
from pi_auto.server.links.azure.tokens import Tokens, from_entra, signed
from pi_auto.server.links.base import HubAccess, HubFailed, HubUnavailable, LinkState, MethodAnswer
from pi_auto.server.links.checkpoints import BookedCheckpoints
from pi_auto.server.links.eventhub import Source
from pi_auto.server.links.ingest import Ingest
from pi_auto.server.store.engine import Store
from pi_auto.server.store.writer import Writer
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.hublink import MOST_METHOD_TIMEOUT

_LEAST_METHOD_TIMEOUT = 5  # seconds, as at IoT Hub
_ANSWER_WITHIN = 10.0  # seconds on top of the device's own


class AzureLink:
    """The hub behind one client; `device_host` is what devices are told. Without `ingest` no events come."""

    def __init__(self, rest: RestClient, device_host: str, ingest: Ingest | None = None) -> None:
        self._rest, self._host, self._ingest = rest, device_host, ingest
        self._identities = Identities(rest)

    @classmethod
    def start(cls, settings: AzureSettings, store: Store, writer: Writer) -> Self:
        """Begin to read events; returns at once, whether or not Azure answers. Raises HubFailed."""
        logging.getLogger("azure").setLevel(logging.ERROR)  # what goes wrong is told by us, once
        BookedCheckpoints(store, writer).release_all()  # the folder's lock keeps other servers out (engine.py)
        rest = RestClient(settings.service, _tokens(settings.service))
        source = Source(settings.events, settings.consumer_group)
        return cls(rest, settings.device_host, Ingest(source, store, writer))

    @classmethod
    def to_ask(cls, service: ServiceString) -> Self:
        """One that only asks, for a command beside a running server. Raises HubFailed."""
        return cls(RestClient(service, _tokens(service)), service.host)

    def put_device(self, device_id: str) -> HubAccess:
        """Make sure the device exists at the hub. Raises HubUnavailable."""
        return self._access(device_id, self._identities.put(device_id))

    def set_enabled(self, device_id: str, *, enabled: bool) -> None:
        """Let the device connect, or end its connection. Raises HubUnavailable or HubRefused."""
        self._identities.set_enabled(device_id, enabled=enabled)

    def rotate_keys(self, device_id: str) -> HubAccess:
        """A new primary key; the one before becomes the secondary. Raises HubUnavailable or HubRefused."""
        return self._access(device_id, self._identities.rotate_keys(device_id))

    def delete_device(self, device_id: str) -> None:
        """Remove the device and its twin, if it is there. Raises HubUnavailable."""
        self._identities.delete(device_id)

    def patch_desired(self, device_id: str, patch: dict[str, Any]) -> None:
        """Merge a patch into what a device is to be; null removes. Raises HubUnavailable or HubRefused."""
        self._patch("patch_desired", device_id, {"properties": {"desired": patch}})

    def patch_tags(self, device_id: str, patch: dict[str, Any]) -> None:
        """Merge a patch into the twin's tags; null removes. Raises HubUnavailable or HubRefused."""
        self._patch("patch_tags", device_id, {"tags": patch})

    def call_method(self, device_id: str, name: str, payload: Any, *, timeout: float) -> MethodAnswer:
        """Call a direct method; IoT Hub waits 5 s at least. Raises DeviceOffline, HubUnavailable or HubRefused."""
        seconds = min(max(math.ceil(timeout), _LEAST_METHOD_TIMEOUT), MOST_METHOD_TIMEOUT)
        body = {"methodName": name, "payload": payload, "responseTimeoutInSeconds": seconds}
        path = path_of("twins", device_id, "/methods")
        answer = self._rest.ask("POST", path, body, repeat=False, patience=seconds + _ANSWER_WITHIN)
        if not answer.ok:
            raise refusal(f"call_method {name} of {device_id}", answer)
        try:
            fields = Fields(answer.body)
            return MethodAnswer(fields.integer("status"), fields.raw.get("payload"))
        except FieldError as error:
            raise HubUnavailable(f"its answer cannot be used: {error}") from error

    def state(self) -> LinkState:
        """How the link stands."""
        events = self._ingest.state() if self._ingest else None
        return LinkState("azure", self._rest.reached(), events)

    def close(self) -> None:
        """Stop reading events; what is not booked yet waits at Azure."""
        if self._ingest:
            self._ingest.close()
        self._rest.close()

    def _patch(self, asked: str, device_id: str, twin: dict[str, Any]) -> None:
        answer = self._rest.ask("PATCH", path_of("twins", device_id), twin)
        if not answer.ok:
            raise refusal(f"{asked} of {device_id}", answer)

    def _access(self, device_id: str, key: str) -> HubAccess:
        return HubAccess(ConnectionString(self._host, device_id, key))


def _tokens(service: ServiceString) -> Tokens:
    return signed(service) if service.key else from_entra(_credential())


def _credential() -> Any:
    """Whoever this machine is to Entra ID: a managed identity, or what the AZURE_… variables name."""
    try:
        from azure.identity import DefaultAzureCredential  # noqa: PLC0415 - large, and few servers sign in so
    except ImportError:
        raise HubFailed("Entra ID needs azure-identity: pip install 'pi-auto[azure]'") from None
    return DefaultAzureCredential(exclude_interactive_browser_credential=True)
