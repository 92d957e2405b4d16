"""The full server for another WSGI server, one process: `pi_auto.server.wsgi:app`, data from PI_AUTO_DATA."""

from __future__ import annotations

from pi_auto.server.app import create_app
from pi_auto.server.settings import Settings

app = create_app(Settings.from_environment())
