"""What a target of the fuzzer is: a reader of ours, bytes to begin with, and what must hold whatever comes.

`run` gets bytes and raises where a promise is broken: an error that is not documented, two readers that disagree,
something that cannot be written and read again. Nothing here needs the fuzzer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pi_auto.wire.strict_json import finite, no_number


@dataclass(frozen=True, slots=True)
class Target:
    """`name` is ROOM.WHAT, `most` the longest input in bytes; `words` are those it cannot guess."""

    name: str
    run: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    most: int = 1024
    words: tuple[bytes, ...] = ()


def unless(*allowed: type[Exception]) -> Callable[..., Any]:
    """What a call gives, None where it fails as it may: `unless(FieldError)(Scan.from_json, value)`."""

    def tried(call: Callable[..., Any], *arguments: object, **named: object) -> Any:
        try:
            return call(*arguments, **named)
        except allowed:
            return None

    return tried


def as_json(octets: bytes) -> Any:
    """The JSON value that bytes hold, as the server hands it on; None where there is none."""
    try:
        return json.loads(octets, parse_constant=no_number, parse_float=finite)
    except (ValueError, RecursionError):
        return None


def seed(value: object) -> bytes:
    """A JSON value as a seed."""
    return json.dumps(value).encode()


def hold(condition: object, what: str, *shown: object) -> None:
    """Raise where a promise is broken; `assert` would do, were the harness not run with optimisation as well."""
    if not condition:
        raise AssertionError(f"{what}: {shown!r}"[:4000])
