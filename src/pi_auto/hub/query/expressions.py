"""What a condition means: functions from a document to a value, put together by the parser. Pure.

A property that is not there is UNDEFINED, and so is every comparison with it: neither it
nor its opposite selects a device. (Microsoft, "IoT Hub query language".)
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

Expression = Callable[[dict[str, Any]], Any]


class _Undefined:
    """The value of what is not there."""

    def __repr__(self) -> str:
        return "UNDEFINED"


UNDEFINED = _Undefined()
_ORDERED = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def attribute(path: tuple[str, ...]) -> Expression:
    """The value at a path of the document."""

    def value(document: dict[str, Any]) -> Any:
        found: Any = document
        for name in path:
            if not isinstance(found, dict) or name not in found:
                return UNDEFINED
            found = found[name]
        return found

    return value


def constant(value: Any) -> Expression:
    """Always the same."""
    return lambda _: value


def compared(left: Expression, sign: str, right: Expression) -> Expression:
    """A comparison: true, false or UNDEFINED."""

    def value(document: dict[str, Any]) -> Any:
        one, other = left(document), right(document)
        if one is UNDEFINED or other is UNDEFINED:
            return UNDEFINED
        if sign in ("=", "!=", "<>"):
            return equal(one, other) == (sign == "=")
        if kind(one) != kind(other) or kind(one) not in ("number", "string"):
            return UNDEFINED
        return _ORDERED[sign](one, other)

    return value


def within(left: Expression, choices: list[Expression], *, inside: bool) -> Expression:
    """IN and NIN."""

    def value(document: dict[str, Any]) -> Any:
        one = left(document)
        if one is UNDEFINED:
            return UNDEFINED
        return any(equal(one, choice(document)) for choice in choices) == inside

    return value


def all_of(sides: list[Expression]) -> Expression:
    """AND: false as soon as one side is."""
    return sides[0] if len(sides) == 1 else _joined(sides, decisive=False)


def any_of(sides: list[Expression]) -> Expression:
    """OR: true as soon as one side is."""
    return sides[0] if len(sides) == 1 else _joined(sides, decisive=True)


def _joined(sides: list[Expression], *, decisive: bool) -> Expression:
    """All sides in one loop: there may be a thousand, and Python does not call as deeply as that."""

    def value(document: dict[str, Any]) -> Any:
        whole: Any = not decisive
        for side in sides:
            found = side(document)
            if found is decisive:
                return decisive
            if found is not whole:
                whole = UNDEFINED
        return whole

    return value


def negated(inner: Expression) -> Expression:
    """NOT."""

    def value(document: dict[str, Any]) -> Any:
        found = inner(document)
        return not found if isinstance(found, bool) else UNDEFINED

    return value


def equal(one: Any, other: Any) -> bool:
    """Equal and of the same kind: JSON's true is not its 1."""
    return kind(one) == kind(other) and bool(one == other)


def kind(value: Any) -> str:
    """JSON's name for the kind of a value."""
    if value is UNDEFINED or value is None:
        return "undefined" if value is UNDEFINED else "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


# Each takes so many arguments and answers with a value.
FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "IS_DEFINED": (1, lambda value: value is not UNDEFINED),
    "IS_NULL": (1, lambda value: value is None),
    "IS_BOOL": (1, lambda value: kind(value) == "bool"),
    "IS_NUMBER": (1, lambda value: kind(value) == "number"),
    "IS_STRING": (1, lambda value: kind(value) == "string"),
    "IS_ARRAY": (1, lambda value: kind(value) == "array"),
    "IS_OBJECT": (1, lambda value: kind(value) == "object"),
    "IS_PRIMITIVE": (1, lambda value: kind(value) in ("bool", "number", "string", "null")),
    "STARTSWITH": (2, lambda text, part: _text(text, part, str.startswith)),
    "ENDSWITH": (2, lambda text, part: _text(text, part, str.endswith)),
    "CONTAINS": (2, lambda text, part: _text(text, part, str.__contains__)),
}


def called(name: str, arguments: list[Expression]) -> Expression:
    """A call of one of FUNCTIONS."""
    function = FUNCTIONS[name][1]
    return lambda document: function(*(argument(document) for argument in arguments))


def _text(text: Any, part: Any, test: Callable[[str, str], bool]) -> Any:
    return test(text, part) if isinstance(text, str) and isinstance(part, str) else UNDEFINED
