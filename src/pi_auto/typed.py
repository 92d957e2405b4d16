"""What annotations take from `typing`, for what capture loads: at run time `typing` itself is not loaded.

It would cost 0.4 MiB and 4 ms for nothing, since nobody asks for types while the program runs. A type checker
sees the real names. See docs/decisions/0054.
"""

from __future__ import annotations

__all__ = ["TYPE_CHECKING", "Any", "NamedTuple", "Protocol", "TextIO", "TypeVar", "cast", "overload"]

TYPE_CHECKING = False  # type checkers take a constant of this name to be true

if TYPE_CHECKING:
    from typing import Any, NamedTuple, Protocol, TextIO, TypeVar, cast, overload
else:
    from collections import namedtuple

    Any = Protocol = TextIO = object

    def NamedTuple(name, fields):
        """A tuple with names for its places."""
        return namedtuple(name, [field for field, _ in fields])

    def TypeVar(name):
        """What stands for a type."""
        return name

    def cast(_kind, value):
        """The value, as it is."""
        return value

    def overload(function):
        """The function, as it is: the last of its name holds."""
        return function
