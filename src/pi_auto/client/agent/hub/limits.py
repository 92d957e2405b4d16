"""The bounds of the link to the hub, in one place, so that tests can choose smaller ones."""

from __future__ import annotations

from dataclasses import dataclass

from pi_auto.client.agent.hub.way import TOKEN_LIFE

MOST_MESSAGE = 256 * 1024  # bytes, topic and body. IoT Hub: a larger message closes the connection
_SILENCE = 30.0  # seconds without a PUBACK, after which a connection that still pings is given up


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes, and when a record is doubted."""

    life: float = TOKEN_LIFE * 0.85  # of a session: renewed before the hub closes the connection
    token: int = TOKEN_LIFE
    silence: float = _SILENCE
    message: int = MOST_MESSAGE
    losses: int = 5
    doubt: float = 60.0
    spread: float = 120.0  # over which a fleet comes back to a hub that hung up on it
