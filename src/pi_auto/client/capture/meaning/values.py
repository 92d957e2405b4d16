"""Holds the value of an AI against GS1's dictionary: length, characters, tests, and what it stands with.

An entry and a value go in, sentences come out, none where all is well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from pi_auto.client.capture.meaning.dictionary import Component, Entry, entry_of
from pi_auto.client.capture.meaning.linters import LINTERS

_CHARACTERS = {
    "N": (re.compile(r"[0-9]*"), "digits"),
    "X": (re.compile(r"[!-\"%-?A-Z_a-z]*"), "characters of GS1's set 82"),
    "Y": (re.compile(r"[#\-/0-9A-Z]*"), "characters of GS1's set 39"),
    "Z": (re.compile(r"[-_0-9A-Za-z]*={0,2}"), "characters of GS1's set 64"),
}


def malformed(entry: Entry, value: str) -> str | None:
    """What is wrong with the length or the characters of a value, or None."""
    at = 0
    for component in entry.components:
        if component.optional and at == len(value):
            return None
        part = value[at : at + component.most]
        if len(part) < component.least:
            return f"has {len(value)} characters; {_lengths(entry)}"
        allowed, named = _CHARACTERS[component.kind]
        if not allowed.fullmatch(part):
            return f"has other than {named} where only those are allowed"
        at += len(part)
    return None if at == len(value) else f"has {len(value)} characters; {_lengths(entry)}"


def lint(entry: Entry, value: str) -> Iterator[tuple[str, str | None]]:
    """Each test of a well-formed value by its name, with what is wrong or None."""
    for component, part in _parts(entry, value):
        for name in component.linters:
            linter = LINTERS.get(name)
            if linter:
                yield name, linter(part)


def lonely(entries: Mapping[str, Entry], ai: str) -> Iterator[str]:
    """What an AI lacks among the others of its code, and what it cannot stand with.

    GS1 asks this of all codes of an item together; another code of it may hold what is missing here.
    """
    for group in entries[ai].named("req"):
        if not any(_all_there(alternative.split("+"), entries, ai) for alternative in group.split(",")):
            yield f"needs {group.replace(',', ' or ').replace('+', ' with ')}, here or in another code of the item"
    for group in entries[ai].named("ex"):
        for pattern in group.split(","):
            clash = next(_matching(pattern, entries, ai), None)
            if clash:
                yield f"cannot stand with {clash}"


def known(ais: Sequence[str]) -> dict[str, Entry]:
    """The entries of AIs, those without one left out."""
    found = ((ai, entry_of(ai)) for ai in ais)
    return {ai: entry for ai, entry in found if entry}


def _parts(entry: Entry, value: str) -> Iterator[tuple[Component, str]]:
    at = 0
    for component in entry.components:
        part = value[at : at + component.most]
        if part:
            yield component, part
        at += len(part)


def _all_there(patterns: Sequence[str], entries: Mapping[str, Entry], ai: str) -> bool:
    return all(next(_matching(pattern, entries, ai), None) for pattern in patterns)


def _matching(pattern: str, entries: Mapping[str, Entry], ai: str) -> Iterator[str]:
    """The other AIs that a pattern such as 31nn stands for."""
    stem = pattern.rstrip("n")
    for other in entries:
        if other != ai and len(other) == len(pattern) and other.startswith(stem):
            yield other


def _lengths(entry: Entry) -> str:
    least = sum(part.least for part in entry.components if not part.optional)
    most = sum(part.most for part in entry.components)
    return f"it has {most}" if least == most else f"it has {least} to {most}"
