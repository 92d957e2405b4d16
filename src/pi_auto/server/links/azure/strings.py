"""The two connection strings of an IoT Hub that a server needs, read and never shown. Pure.

    HostName=NAME.azure-devices.net;SharedAccessKeyName=POLICY;SharedAccessKey=KEY
    Endpoint=sb://NAME.servicebus.windows.net/;SharedAccessKeyName=POLICY;SharedAccessKey=KEY;EntityPath=EVENTHUB

Without policy and key Entra ID signs in instead.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from pi_auto.wire.errors import FieldError, shown

MOST = 4096  # characters
_SERVICE = "HostName=…;SharedAccessKeyName=…;SharedAccessKey=…"
_EVENTS = "Endpoint=sb://…/;SharedAccessKeyName=…;SharedAccessKey=…;EntityPath=…"
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
_GROUP = re.compile(r"[A-Za-z0-9$._-]{1,50}\Z")
_HTTPS = 443


@dataclass(frozen=True, slots=True)
class ServiceString:
    """Where the service side is, and by which policy; no policy means Entra ID. The key is in no repr."""

    host: str
    port: int = _HTTPS
    policy: str = ""
    key: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it; FieldError names the part at fault and shows no key."""
        parts = _parts(text, "connection string", _SERVICE)
        if "DeviceId" in parts:
            raise FieldError("DeviceId", "there", f"the string of a policy, not of a device: {_SERVICE}")
        policy, key = _credential(parts, _SERVICE)
        host, port = _host_and_port(_needed(parts, "HostName", _SERVICE))
        return cls(host, port, policy, key)


@dataclass(frozen=True, slots=True)
class EventsString:
    """Where events are; `text` is what azure-eventhub is given, and a secret. No key means Entra ID."""

    namespace: str
    eventhub: str
    text: str = field(repr=False)
    has_key: bool = True

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it; FieldError names the part at fault and shows no key."""
        parts = _parts(text, "connection string", _EVENTS)
        if "HostName" in parts:
            raise FieldError("HostName", "there", f"the Event Hub-compatible endpoint's string: {_EVENTS}")
        endpoint = _needed(parts, "Endpoint", _EVENTS)
        split = urlsplit(endpoint)
        if split.scheme != "sb" or not split.hostname:
            raise FieldError("Endpoint", shown(endpoint), "such as sb://NAME.servicebus.windows.net/")
        return cls(
            split.netloc, _needed(parts, "EntityPath", _EVENTS), text.strip(), any(_credential(parts, _EVENTS))
        )


def check_host(name: str) -> str:
    """A host name alone, as devices are told it; FieldError else."""
    if not _NAME.match(name):
        raise FieldError("host name", shown(name), "letters, digits, dots and dashes, no port")
    return name


def check_group(name: str) -> str:
    """The name of a consumer group; FieldError else."""
    if not _GROUP.match(name):
        raise FieldError("consumer group", shown(name), "1 to 50 letters, digits, dots, dashes, underscores and $")
    return name


def _parts(text: str, name: str, form: str) -> dict[str, str]:
    text = text.strip()
    if not text or len(text) > MOST or not text.isprintable():
        raise FieldError(name, f"{len(text)} characters", f"one line of at most {MOST}: {form}")
    pairs = [part.partition("=") for part in text.split(";") if part]
    if not all(mark for _, mark, _ in pairs):  # what it holds may be a key, so it is not shown
        raise FieldError(name, "not made of NAME=VALUE parts", form)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _needed(parts: dict[str, str], name: str, form: str) -> str:
    if not parts.get(name):
        raise FieldError(name, "missing", form)
    return parts[name]


def _credential(parts: dict[str, str], form: str) -> tuple[str, str]:
    if not parts.get("SharedAccessKeyName") and not parts.get("SharedAccessKey"):
        return "", ""
    policy, key = _needed(parts, "SharedAccessKeyName", form), _needed(parts, "SharedAccessKey", form)
    try:
        b64decode(key, validate=True)
    except (NotBase64, ValueError):
        raise FieldError("SharedAccessKey", "not base64", form) from None
    return policy, key


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.partition(":")
    if not _NAME.match(host):
        raise FieldError("HostName", shown(text), "a host name such as NAME.azure-devices.net")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise FieldError("HostName", shown(text), "a port from 1 to 65535, or none")
    return host, int(port or _HTTPS)
