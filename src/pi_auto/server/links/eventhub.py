"""azure-eventhub's client as it is wanted here, and what it hands over as plain values."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient

from pi_auto.server.links.arrivals import Delivery
from pi_auto.server.links.azure.strings import EventsString
from pi_auto.server.links.checkpoints import BookedCheckpoints

LOOKS = 4  # at who reads what; one that has not been heard of for so many has lost its partitions


@dataclass(frozen=True, slots=True)
class Source:
    """Where events come from. A string without a key means Entra ID."""

    events: EventsString
    consumer_group: str = "$Default"
    balance_every: float = 5.0  # seconds between looks at who reads which partition
    silence: float = 60.0  # seconds; whoever says nothing for so long is gone, whatever the network pretends


@asynccontextmanager
async def connected(source: Source, checkpoints: BookedCheckpoints) -> AsyncIterator[EventHubConsumerClient]:
    """A client whose own retries are off."""
    events = source.events
    options: dict[str, Any] = {
        "consumer_group": source.consumer_group,
        "checkpoint_store": checkpoints,
        "load_balancing_interval": source.balance_every,
        "partition_ownership_expiration_interval": LOOKS * source.balance_every,
        "retry_total": 0,
        "idle_timeout": source.silence,
        "ssl_context": ssl.create_default_context(),  # the system's authorities, or those of SSL_CERT_FILE
    }
    if events.has_key:
        async with EventHubConsumerClient.from_connection_string(events.text, **options) as client:
            yield client
        return
    from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415 - large, and few servers sign in so

    async with (
        DefaultAzureCredential() as credential,
        EventHubConsumerClient(events.namespace, events.eventhub, credential=credential, **options) as client,
    ):
        yield client


def delivery_of(event: EventData) -> Delivery:
    """The library's event as plain values."""
    at = event.enqueued_time
    return Delivery(
        sequence_number=event.sequence_number or 0,  # Event Hubs always names one
        offset=str(event.offset),
        enqueued_at=at.isoformat().replace("+00:00", "Z") if at else "",
        system_properties=event.system_properties,
        properties=event.properties or {},
        body=_body(event),
    )


def _body(event: EventData) -> bytes:
    """The octets of the body; none for one that is not octets, which no device can send."""
    body = event.body
    if isinstance(body, bytes):
        return body
    return b"".join(part for part in body if isinstance(part, bytes)) if isinstance(body, Iterable) else b""
