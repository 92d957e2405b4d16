"""Values that never change once they are made, for what capture loads: `@frozen`, as `@dataclass(frozen=True)`.

The standard library's dataclasses load `inspect` and compile three functions for each class, which costs capture
1.7 MiB for as long as it runs, and a tenth of the time it takes to be back after a crash. Here all classes share
the same few functions. Everywhere else dataclasses are the better choice, and their functions (`fields`, `asdict`,
`replace`) take these for what they are. See docs/decisions/0054.
"""

from __future__ import annotations

from functools import partial

from pi_auto.typed import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")

if TYPE_CHECKING:
    from typing import dataclass_transform
else:

    def dataclass_transform(**_told: bool) -> Any:
        """Tells type checkers alone."""
        return lambda decorator: decorator


@dataclass_transform(frozen_default=True)
def frozen(cls: type[T]) -> type[T]:
    """Make values of a class with annotated fields: `__init__`, `==`, `hash`, `repr`, and `match` by position.

    A field's default stands in the class and is shared by all, so it must be one that cannot change. What the
    class itself defines is left as it is.
    """
    names = tuple(cls.__annotations__)
    methods = {"__init__": _init, "__eq__": _eq, "__hash__": _hash, "__repr__": _repr}
    told = {
        "__match_args__": names,
        "_known": frozenset(names),
        "_needed": frozenset(name for name in names if name not in cls.__dict__),
        "__dataclass_fields__": _DataclassFields(),
        "__setattr__": _refuse,
        "__delattr__": _refuse,
    }
    for name, value in {**methods, **told}.items():
        if name in told or name not in cls.__dict__:
            setattr(cls, name, value)
    return cls


def replace(value: T, /, **changes: Any) -> T:
    """A copy with some fields changed. TypeError if there is no such field."""
    copy: Any = object.__new__(type(value))
    if not changes.keys() <= copy._known:  # noqa: SLF001 - what `frozen` has put there
        return type(value)(**changes)  # which says what there is
    copy.__dict__.update(value.__dict__, **changes)
    return copy  # type: ignore[no-any-return]


class _DataclassFields:
    """What the functions of `dataclasses` ask a class for; whoever calls one of them has loaded that."""

    def __get__(self, _instance: object, owner: Any) -> Any:
        from dataclasses import field, make_dataclass  # noqa: PLC0415 - capture never comes here

        told = [
            (
                name,
                kind,
                field() if name not in owner.__dict__ else field(default_factory=partial(getattr, owner, name)),
            )
            for name, kind in owner.__annotations__.items()
        ]
        found = vars(make_dataclass(owner.__name__, told))["__dataclass_fields__"]
        owner.__dataclass_fields__ = found
        return found


def _init(self: Any, *given: Any, **named: Any) -> None:
    if not named and len(given) == len(self.__match_args__):  # as scans are made, which must take no time
        self.__dict__.update(zip(self.__match_args__, given, strict=True))
        return
    values = dict(zip(self.__match_args__, given, strict=False)) | named if given else named
    is_clear = len(values) == len(given) + len(named)  # no field twice, and none too many
    if not (is_clear and self._needed <= values.keys() <= self._known):
        raise TypeError(
            f"{type(self).__name__} is made of {', '.join(self.__match_args__)}; "
            f"given: {len(given)} in order{''.join(f', {name}' for name in named)}"
        )
    self.__dict__.update(values)


def _fields(value: Any) -> tuple[Any, ...]:
    return tuple(getattr(value, name) for name in value.__match_args__)


def _eq(self: Any, other: object) -> bool:
    return type(self) is type(other) and _fields(self) == _fields(other)


def _hash(self: Any) -> int:
    return hash(_fields(self))


def _repr(self: Any) -> str:
    told = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
    return f"{type(self).__qualname__}({told})"


def _refuse(self: Any, name: str, *_: Any) -> None:
    raise AttributeError(f"{type(self).__name__}.{name} cannot be changed: it is of a frozen class")
