"""The full server as a Flask app: the device API, and the pages beside it."""

from __future__ import annotations

from flask import Flask

from pi_auto.server.api.blueprint import pi_api
from pi_auto.server.console import console
from pi_auto.server.console.lost import answer_the_lost
from pi_auto.server.context import EXTENSION, Context, LazyContext
from pi_auto.server.settings import Settings


def create_app(settings: Settings, context: Context | None = None) -> Flask:
    """The app over an open context, or over one that its first request opens."""
    app = Flask("pi_auto.server", static_folder=None)
    app.extensions[EXTENSION] = context or LazyContext(settings)
    app.register_blueprint(pi_api)
    app.register_blueprint(console)
    answer_the_lost(app)
    if settings.trust:
        from pi_auto.server.console import card_routes, rollouts_routes  # noqa: F401, PLC0415 - they add to `fleet`
        from pi_auto.server.console.fleet_routes import fleet  # noqa: PLC0415 - see below
        from pi_auto.server.operators.gate import guard  # noqa: PLC0415 - only where operators have to be let in
        from pi_auto.server.operators.web import operators  # noqa: PLC0415 - see above

        app.register_blueprint(operators)
        app.register_blueprint(fleet)
        guard(app)
    return app
