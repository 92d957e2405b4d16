"""A link by Azure's REST to a real local hub, whose service side is the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from pi_auto.server.links.azure.link import AzureLink
from pi_auto.server.links.azure.rest import RestClient
from pi_auto.server.links.azure.strings import ServiceString
from pi_auto.server.links.azure.tokens import signed
from support.hub import RunningHub
from support.service import output_of


def service_string(hub: RunningHub, policy: str = "iothubowner") -> str:
    """The connection string of a policy; the hub must be named localhost, which its certificate holds."""
    text = output_of("connection-string", "--data", str(hub.data), "--policy", policy).strip()
    return text.replace("HostName=localhost", f"HostName=localhost:{hub.https_address[1]}")


@contextmanager
def link_to(hub: RunningHub, policy: str = "iothubowner") -> Iterator[AzureLink]:
    """A link to the hub; it trusts the hub's own authority, as SSL_CERT_FILE tells it."""
    service = ServiceString.parse(service_string(hub, policy))
    with patch.dict(os.environ, SSL_CERT_FILE=str(hub.data / "tls" / "ca.pem")):
        rest = RestClient(service, signed(service))
    link = AzureLink(rest, service.host)
    try:
        yield link
    finally:
        link.close()
