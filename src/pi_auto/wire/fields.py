"""Reads one JSON object field by field; whatever is missing or wrong is refused by name.

Every getter bounds what it returns, so that a message that has been read is small and
well-formed, and nothing behind it needs to check again.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterator
from datetime import datetime

from pi_auto.typed import Any, TypeVar, overload
from pi_auto.wire.errors import FieldError, shown
from pi_auto.wire.times import parse_time

T = TypeVar("T")
D = TypeVar("D")

UUID_FORM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
_SURROGATE = re.compile("[\ud800-\udfff]")
SECRETS = frozenset(("api_token", "batch_token", "claim", "connection_string", "nonce", "primary_key", "secret"))
LARGEST_INTEGER = 2**63 - 1  # what a database column holds


class Fields:
    """The fields of one JSON object at a path of a message."""

    __slots__ = ("_path", "_values")

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, dict):
            raise FieldError(path or "the message", shown(value), "a JSON object")
        self._values: dict[str, Any] = value
        self._path = path

    @property
    def raw(self) -> dict[str, Any]:
        """The whole object, as it came and unread."""
        return self._values

    def at(self, name: str) -> str:
        """The path of a field, as errors name it."""
        return f"{self._path}.{name}" if self._path else name

    def __iter__(self) -> Iterator[str]:
        """The names of what is there."""
        return iter(self._values)

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._values.get(name) is not None

    def refuse(self, name: str, allowed: str) -> FieldError:
        """The error that says what is wrong with a field."""
        return FieldError(self.at(name), self._shown(name), allowed)

    def _shown(self, name: str) -> str:
        """What stands there, as an error may tell it: a secret stays one, even where it is malformed."""
        if name not in self._values:
            return "missing"
        return "something else" if name in SECRETS else shown(self._values[name])

    def text(self, name: str, *, most: int, least: int = 1, form: re.Pattern[str] | None = None) -> str:
        """A string of `least` to `most` characters that matches `form` and is valid Unicode."""
        value = self._values.get(name)
        if not isinstance(value, str) or not least <= len(value) <= most:
            raise self.refuse(name, _text_allowed(least, most, form))
        if (form and not form.match(value)) or not _is_unicode(value):
            raise self.refuse(name, _text_allowed(least, most, form))
        return value

    def uuid(self, name: str) -> str:
        """A UUID in its canonical lower-case form."""
        value = self._values.get(name)
        if not isinstance(value, str) or not UUID_FORM.match(value):
            raise self.refuse(name, "a UUID in lower case, such as 0b8f3c1e-8f0e-4a53-9f37-0d6b8a3d0c11")
        return value

    def integer(self, name: str, *, least: int = 0, most: int = LARGEST_INTEGER) -> int:
        """A whole number from `least` to `most`."""
        value = self._values.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.refuse(name, f"a whole number from {least} to {most}")
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._values.get(name)
        if not isinstance(value, bool):
            raise self.refuse(name, "true or false")
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """One of a few words."""
        value = self._values.get(name)
        if not isinstance(value, str) or value not in choices:
            raise self.refuse(name, "one of " + ", ".join(choices))
        return value

    def time(self, name: str) -> datetime:
        """A moment in UTC, written as RFC 3339."""
        value = self._values.get(name)
        moment = parse_time(value) if isinstance(value, str) else None
        if moment is None:
            raise self.refuse(name, "a time such as 2026-11-23T17:33:00.000Z")
        return moment

    def octets(self, name: str, *, most: int) -> bytes:
        """Bytes, written as base64."""
        value = self._values.get(name)
        octets = _from_base64(value) if isinstance(value, str) and len(value) <= (most + 2) // 3 * 4 else None
        if octets is None or len(octets) > most:
            raise self.refuse(name, f"at most {most} bytes in base64")
        return octets

    def object(self, name: str) -> Fields:
        """A nested object."""
        value = self._values.get(name)
        if not isinstance(value, dict):
            raise self.refuse(name, "a JSON object")
        return Fields(value, self.at(name))

    def items(self, name: str, *, most: int) -> list[Any]:
        """A list of at most `most` items, as they came."""
        value = self._values.get(name)
        if not isinstance(value, list) or len(value) > most:
            raise self.refuse(name, f"a list of at most {most} items")
        return value

    @overload
    def optional(self, name: str, read: Callable[[str], T]) -> T | None: ...
    @overload
    def optional(self, name: str, read: Callable[[str], T], default: D) -> T | D: ...
    def optional(self, name: str, read: Callable[[str], T], default: D | None = None) -> T | D | None:
        """What `read` makes of the field, or `default` where it is absent or null."""
        return default if self._values.get(name) is None else read(name)


def _is_unicode(text: str) -> bool:
    """Whether a string can be written as UTF-8: JSON may smuggle in lone surrogates."""
    return text.isascii() or _SURROGATE.search(text) is None


def _text_allowed(least: int, most: int, form: re.Pattern[str] | None) -> str:
    return f"a string of {least} to {most} characters" + (f" like {form.pattern}" if form else "")


def _from_base64(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except (NotBase64, ValueError):
        return None
