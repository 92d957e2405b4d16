"""Who may connect: the CONNECT of a device against the registry, by shared access signature.

Source: Microsoft, "Communicate with an IoT hub using MQTT": client id = device id, user
name = `{host}/{device id}/?api-version=…`, password = a token for `{host}/devices/{device id}`,
signed by the device or, for that or for the hub as a whole, by a policy that lets devices connect.
The device learns only that it may not; the reason is for the log.
"""

from __future__ import annotations

from typing import NamedTuple

from pi_auto.hub.mqtt.packets import Connect
from pi_auto.hub.policies import Policies, Right
from pi_auto.hub.registry import Device, Registry
from pi_auto.wire import topics
from pi_auto.wire.sas import SasToken


class NotAuthorizedError(Exception):
    """The device may not connect; the text says why and holds no secret."""


class Admission(NamedTuple):
    """A device that proved itself, and until when its token is good (Unix seconds)."""

    device_id: str
    until: int


def admit(connect: Connect, registry: Registry, policies: Policies, host: str, now: float) -> Admission:
    """Check a CONNECT at `now` (Unix seconds). Raises NotAuthorizedError."""
    _check_user_name(connect, host)
    device = registry.find(connect.client_id)
    if device is None:
        raise NotAuthorizedError("the device is not registered")
    if not device.enabled:
        raise NotAuthorizedError("the device is disabled")
    token = SasToken.parse(connect.password)
    if token is None:
        raise NotAuthorizedError("the password is not a shared access signature")
    if token.policy:
        _check_policy(connect, policies, host, now)
    else:
        _check_token(token, device, host, now)
    return Admission(device.device_id, token.expiry)


def _check_user_name(connect: Connect, host: str) -> None:
    named_host, _, rest = connect.user_name.partition("/")
    named_device, _, _ = rest.partition("/")
    if named_host.lower() != host.lower():
        raise NotAuthorizedError(f"the user name is for the hub {named_host[:80]!r}, and this one is {host!r}")
    if named_device != connect.client_id:
        raise NotAuthorizedError("the user name is for another device than the client id")


def _check_policy(connect: Connect, policies: Policies, host: str, now: float) -> None:
    rights = policies.rights(connect.password, host, f"/devices/{connect.client_id}", now)
    if Right.DEVICE_CONNECT not in rights:
        raise NotAuthorizedError("the token of a policy proves no right to connect as this device")


def _check_token(token: SasToken, device: Device, host: str, now: float) -> None:
    """Expiry and resource first, since only they can be told without weakening anything."""
    resource = topics.resource(host, device.device_id)
    if token.expiry <= now:
        raise NotAuthorizedError("the token has expired")
    if token.resource.lower() != resource.lower():
        raise NotAuthorizedError(f"the token is for another resource than {resource}")
    proofs = [token.proves(resource, key, now) for key in (device.primary_key, device.secondary_key)]
    if not any(proofs):
        raise NotAuthorizedError("the token was signed with another key")
