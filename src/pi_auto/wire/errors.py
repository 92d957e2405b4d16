"""What is said about a field that cannot be accepted: where it stands, what it held, what may stand there."""

from __future__ import annotations

from pi_auto.typed import Any

_SHOWN = 80


class FieldError(ValueError):
    """A field of a message that is missing or wrong.

    `field` is a path such as `scans[3].uuid`; `value` a shortened repr of what was there;
    `allowed` says in words what may be there.
    """

    def __init__(self, field: str, value: str, allowed: str) -> None:
        super().__init__(f"{field} is {value}; allowed: {allowed}")
        self.field, self.value, self.allowed = field, value, allowed

    def to_json(self) -> dict[str, str]:
        """The error as the `error` object of an API answer."""
        return {"message": str(self), "field": self.field, "value": self.value, "allowed": self.allowed}


def shown(value: object) -> str:
    """A value as an error may show it: its repr, bounded, whatever its size."""
    if isinstance(value, dict | list | tuple):
        return f"{_KINDS[type(value)]} of {len(value)}"
    text = repr(value[:_SHOWN] if isinstance(value, str | bytes) else value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


_KINDS: dict[type[Any], str] = {dict: "an object", list: "a list", tuple: "a list"}
