"""Looks Application Identifiers up in the tables made of GS1's dictionary.

An AI goes in, its entry comes out: what its value is made of, whether a separator ends it, what it must stand
with. The tables stay text, and an entry is read when it is asked for: memory is scarcer than time here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from pi_auto.client.capture.meaning.tables import ENTRIES
from pi_auto.frozen import frozen

_KEPT = 32  # entries that were read: more AIs than a site's codes have


@frozen
class Component:
    """A part of a value: `kind` is N (digits), X, Y or Z (GS1's sets 82, 39, 64); linters go by GS1's names."""

    kind: str
    least: int
    most: int
    optional: bool
    linters: tuple[str, ...]


@frozen
class Entry:
    """What GS1 says of an AI. `predefined` is its whole length if it needs no separator, else None."""

    title: str
    predefined: int | None
    is_data_attribute: bool
    components: tuple[Component, ...]
    attributes: tuple[str, ...]

    def named(self, name: str) -> Iterator[str]:
        """The values of an attribute; one that stands alone has the value ''."""
        for attribute in self.attributes:
            key, _, value = attribute.partition("=")
            if key == name:
                yield value


def ai_length(text: str, at: int) -> int | None:
    """How many digits the AI has that a text goes on with, or None if its first two belong to none."""
    return _LENGTHS.get(text[at : at + 2])


@lru_cache(_KEPT)
def entry_of(ai: str) -> Entry | None:
    """The entry of an AI; None if GS1 has not given it a meaning."""
    line = _LINES.get(ai) or _LINES.get(f"{ai[:-1]}n")
    if line is None:
        return None
    ais, flags, components, attributes, title = line.split("|")
    first, _, last = ais.partition("-")
    if not first <= ai <= (last or first):
        return None
    parts = tuple(map(_component, components.split()))
    predefined = sum(part.most for part in parts) if "*" in flags else None
    return Entry(title, predefined, "?" in flags, parts, tuple(attributes.split()))


def _component(word: str) -> Component:
    form, *linters = word.split(",")
    optional = form.startswith("[")
    form = form.strip("[]")
    variable = form[1:3] == ".."
    most = int(form[3:] if variable else form[1:])
    return Component(form[0], 1 if variable else most, most, optional, tuple(linters))


def _keyed() -> Iterator[tuple[str, str]]:
    for line in ENTRIES.splitlines():
        first, _, last = line.partition("|")[0].partition("-")
        yield (f"{first[:-1]}n" if last else first), line


_LINES = dict(_keyed())
_LENGTHS = {key[:2]: len(key) for key in _LINES if "n" not in key[:2]} | {f"9{digit}": 2 for digit in range(10)}
