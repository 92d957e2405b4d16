"""The blueprint `pi_api`: every endpoint in one table.

Registering it on a Flask app is all an app has to do: the settings come from the
environment unless the app has brought its own, and the first request opens the books.
"""

from __future__ import annotations

from flask import Blueprint
from flask.blueprints import BlueprintSetupState

from pi_auto.server.api import (
    devices,
    diagnostics,
    enrolment,
    health,
    listing,
    ota,
    registration,
    releases,
    scans,
    shortcut,
)
from pi_auto.server.api.errors import answer_everything_in
from pi_auto.server.context import EXTENSION, LazyContext
from pi_auto.server.settings import Settings

ENDPOINTS = (
    ("GET", "/api/health", health.health),
    ("POST", "/api/register_device", registration.register_device),
    ("POST", "/api/register_device/nonce", enrolment.nonce),
    ("POST", "/api/renew_token", enrolment.renew_token),
    ("POST", "/api/fleet_proof", enrolment.fleet_proof),
    ("GET", "/api/fleet_card", enrolment.fleet_card),
    ("POST", "/api/scans", scans.receive_scans),
    ("GET", "/api/scans", listing.list_scans),
    ("POST", "/api/diagnostics/<name>", diagnostics.receive_diagnostics),
    ("GET", "/api/pi_devices", devices.pi_devices),
    ("GET", "/api/pi_device/<name>", devices.pi_device),
    ("GET", "/api/ota/check_update", ota.check_update),
    ("GET", "/api/ota/download_update", releases.download_update),
    ("GET", "/api/ota/metadata/<name>", releases.metadata),
    ("POST", "/api/ota/update_status", ota.update_status),
)

pi_api = Blueprint("pi_api", __name__)
for _method, _rule, _view in ENDPOINTS:
    pi_api.add_url_rule(_rule, view_func=_view, methods=[_method])
answer_everything_in(pi_api)
pi_api.record_once(shortcut.install)


@pi_api.record_once
def _bring_context(state: BlueprintSetupState) -> None:
    """Give the app what the views need, unless it has that already."""
    if EXTENSION not in state.app.extensions:
        state.app.extensions[EXTENSION] = LazyContext(Settings.from_environment())
