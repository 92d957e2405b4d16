"""The fleet server: what devices call, what people look at, and the books behind both.

`from pi_auto.server import pi_api; app.register_blueprint(pi_api)` gives any Flask app the
device API; the data folder is named by `PI_AUTO_DATA`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pi_auto.server.api.blueprint import pi_api

__all__ = ["pi_api"]


def __getattr__(name: str) -> Any:
    """Load the blueprint when it is asked for: the tables and queries do not need Flask."""
    if name == "pi_api":
        from pi_auto.server.api.blueprint import pi_api as blueprint  # noqa: PLC0415 - see above

        return blueprint
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
