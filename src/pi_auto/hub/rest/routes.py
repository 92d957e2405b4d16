"""Every path of the service side, the right it needs and the rate it counts for."""

from __future__ import annotations

from aiohttp import web

from pi_auto.hub import websocket
from pi_auto.hub.connections import Connections
from pi_auto.hub.policies import Right
from pi_auto.hub.rest import devices, messages, query, twins
from pi_auto.hub.rest.app import allowed, application
from pi_auto.hub.services import Services

_READ, _WRITE, _SERVICE = Right.REGISTRY_READ, Right.REGISTRY_WRITE, Right.SERVICE_CONNECT
ROUTES = (
    ("GET", "/devices", _READ, "registry", devices.list_),
    ("POST", "/devices", _WRITE, "registry", devices.bulk),
    ("POST", "/devices/query", _READ, "queries", query.run),
    ("GET", "/devices/{id}", _READ, "registry", devices.read),
    ("PUT", "/devices/{id}", _WRITE, "registry", devices.put),
    ("DELETE", "/devices/{id}", _WRITE, "registry", devices.delete),
    ("POST", "/devices/{id}/messages/devicebound", _SERVICE, "cloud_to_device", messages.send),
    ("DELETE", "/devices/{id}/messages/devicebound", _SERVICE, "cloud_to_device", messages.purge),
    ("DELETE", "/devices/{id}/commands", _SERVICE, "cloud_to_device", messages.purge),
    ("GET", "/statistics/devices", _READ, "registry", devices.statistics),
    ("GET", "/statistics/service", _SERVICE, "registry", devices.service_statistics),
    ("GET", "/twins/{id}", _SERVICE, "twin_reads", twins.read),
    ("PATCH", "/twins/{id}", _SERVICE, "twin_updates", twins.patch),
    ("PUT", "/twins/{id}", _SERVICE, "twin_updates", twins.replace),
    ("POST", "/twins/{id}/methods", _SERVICE, "methods", twins.call_method),
)


def devices_side(hub: Services, connections: Connections) -> web.Application:
    """MQTT by WebSocket and nothing else, for a port that strangers reach."""
    app = application(hub)
    app[websocket.CONNECTIONS] = connections
    app.router.add_get(websocket.PATH, websocket.serve)
    return app


def service_side(hub: Services, connections: Connections) -> web.Application:
    """The whole application, and the way in for devices that have nothing but HTTPS."""
    app = devices_side(hub, connections)
    for method, path, right, rate, handler in ROUTES:
        app.router.add_route(method, path, allowed(right, rate, handler))
    return app
