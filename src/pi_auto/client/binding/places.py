"""The names that binding has in the agent's folder."""

from __future__ import annotations

DOOR = "code.sock"  # takes codes in, while the device is nobody's
WORD = "code.json"  # what came of the last one
BOUND = "bound.json"  # the card that the device has got by itself
