"""The pages people look at: rendered on the server, live by one stream of fragments, whole without JavaScript.

It only reads the books. `console` is the blueprint; register it beside `pi_api`, whose context it uses.
"""

from pi_auto.server.console.routes import console

__all__ = ["console"]
