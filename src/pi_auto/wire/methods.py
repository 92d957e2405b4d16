"""The direct methods of a device: their names, what may be handed to each, and how it answers.

The server checks a call with the same rules before it goes out as the device does when it comes in.
No payload holds a URL, a path or anything a shell would read, and none ever may: whoever rules the
hub must not rule the device's disk or network. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields

RESTART, REBOOT, IDENTIFY = "restart", "reboot", "identify"
CHECK_UPDATE, DIAGNOSTICS, SET_LOG_LEVEL = "check_update", "diagnostics", "set_log_level"

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LONGEST_IDENTIFY = 300  # seconds
LONGEST_LOG_LEVEL = 1440  # minutes
MOST_REBOOTS = 3  # in a day, whoever asks
MOST_DIAGNOSTICS = 8 * 1024 * 1024  # bytes of the bundle that the device sends to its server

DONE, BEGUN, BAD_PAYLOAD, UNKNOWN, TOO_OFTEN, NOT_NOW = 200, 202, 400, 404, 429, 503  # statuses of an answer


@dataclass(frozen=True, slots=True)
class Answer:
    """What a device answers: a status as HTTP means it, and a JSON object, with `error` where it is a no."""

    status: int
    payload: dict[str, Any] = field(default_factory=dict)


def refusal(status: int, why: str) -> Answer:
    """An answer that says no, and why."""
    return Answer(status, {"error": why})


def checked(name: str, payload: object) -> dict[str, Any]:
    """The payload of a call of a method that exists, read with care; null is an empty one.

    Raises FieldError for what it may not hold, and KeyError for a method that no device has.
    """
    read = _READERS[name]
    fields = Fields({} if payload is None else payload, "payload")
    values = read(fields)
    for surplus in fields:
        if surplus not in values:
            raise FieldError(fields.at(surplus)[:80], "there", " and ".join(values) or "an empty object")
    return values


def _nothing(_fields: Fields) -> dict[str, Any]:
    return {}


def _identify(fields: Fields) -> dict[str, Any]:
    return {"seconds": fields.integer("seconds", least=1, most=LONGEST_IDENTIFY)}


def _diagnostics(fields: Fields) -> dict[str, Any]:
    """The server's own name for what it has asked for: the bundle goes to that server, under that name."""
    return {"request": fields.uuid("request")}


def _log_level(fields: Fields) -> dict[str, Any]:
    return {
        "level": fields.choice("level", LOG_LEVELS),
        "minutes": fields.integer("minutes", least=1, most=LONGEST_LOG_LEVEL),
    }


_READERS: dict[str, Callable[[Fields], dict[str, Any]]] = {
    RESTART: _nothing,
    REBOOT: _nothing,
    IDENTIFY: _identify,
    CHECK_UPDATE: _nothing,
    DIAGNOSTICS: _diagnostics,
    SET_LOG_LEVEL: _log_level,
}
NAMES = tuple(_READERS)
