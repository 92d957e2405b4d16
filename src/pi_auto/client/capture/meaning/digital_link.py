"""Reads GS1 Digital Link URIs: web addresses whose path names an item, such as /01/08053734093444/10/L1.

The text of a code goes in; None comes out if it is no Digital Link, and otherwise the same as for an element
string. Any domain may serve one. Source: GS1 Digital Link Standard: URI Syntax, section 4. Compressed ones are
addresses like any other here: they take a resolver's tables to read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pi_auto.client.capture.meaning.advice import Advice
from pi_auto.client.capture.meaning.check_digits import gtin14, is_digits
from pi_auto.client.capture.meaning.dictionary import Entry, entry_of
from pi_auto.client.capture.meaning.element_string import MOST_ELEMENTS, Elements, judged
from pi_auto.client.capture.meaning.values import malformed

_URI = re.compile(r"https?://[^/?#]+(/[^?#]*)(?:\?([^#]*))?(?:#.*)?", re.IGNORECASE | re.DOTALL)
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_SHORTER_GTINS = (8, 12, 13)


def read_digital_link(text: str, symbology: str | None) -> Advice | None:
    """What a Digital Link says; None for every other text."""
    found = _URI.fullmatch(text)
    path = found and _item(found[1].rstrip("/").split("/")[1:])
    if not found or not path:
        return None
    elements = Elements()
    for ai, value in path:
        elements.add(ai, value)
    elements.problems.extend(_misplaced([ai for ai, _ in path]))
    for ai, value, entry in _attributes(found[2] or ""):
        elements.add(ai, value)
        if not entry.is_data_attribute:
            elements.problems.append(
                f"in a Digital Link, AI {ai} belongs in the path, not behind the question mark"
            )
    return judged(elements, symbology)


def _item(segments: Sequence[str]) -> list[tuple[str, str]] | None:
    """The key and its qualifiers at the end of a path, which may have segments of its own in front."""
    for at in range(len(segments) - 2, max(-1, len(segments) - MOST_ELEMENTS), -2):
        entry = _key(segments[at])
        value = entry and _value(segments[at], segments[at + 1])
        if entry and value and not malformed(entry, value):
            pairs = zip(segments[at::2], segments[at + 1 :: 2], strict=True)
            return [(ai, _value(ai, value)) for ai, value in pairs]
        if not (is_digits(segments[at]) and entry_of(segments[at])):
            return None
    return None


def _key(ai: str) -> Entry | None:
    """The entry of an AI that a Digital Link may begin with."""
    entry = entry_of(ai) if is_digits(ai) else None
    return entry if entry and any(True for _ in entry.named("dlpkey")) else None


def _value(ai: str, segment: str) -> str:
    value = _decoded(segment)
    short = ai == "01" and len(value) in _SHORTER_GTINS and is_digits(value)
    return gtin14(value) if short else value


def _misplaced(ais: Sequence[str]) -> Iterator[str]:
    """What is wrong with the order of the qualifiers behind the key."""
    key, *qualifiers = ais
    entry = entry_of(key)
    sequences = (
        [sequence.split(",") for group in entry.named("dlpkey") for sequence in group.split(";")] if entry else []
    )
    if not any([ai for ai in sequence if ai in qualifiers] == qualifiers for sequence in sequences):
        told = " or ".join("/".join(sequence) for sequence in sequences if sequence != [""]) or "nothing"
        yield f"in the path of a Digital Link, AI {key} is followed by {told}, not by {'/'.join(qualifiers)}"


def _attributes(query: str) -> Iterator[tuple[str, str, Entry]]:
    """The elements in a query; its other names, such as linkType, are the resolver's."""
    for pair in query.replace(";", "&").split("&", MOST_ELEMENTS)[:MOST_ELEMENTS]:
        ai, _, value = pair.partition("=")
        entry = entry_of(ai) if is_digits(ai) else None
        if entry:
            yield ai, _decoded(value), entry


def _decoded(segment: str) -> str:
    """A segment without its percent signs. urllib would do, at the price of 400 kB of memory."""
    if "%" not in segment:
        return segment
    octets = segment.encode("utf-8", "surrogatepass")
    return _ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), octets).decode("utf-8", "replace")
