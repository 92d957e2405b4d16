"""Reads GS1 element strings: AIs and values in a row, FNC1 (GS, 0x1D) behind those of open length.

The text of a symbol goes in that GS1's identifier, or its form, says to hold one; elements and what is wrong
with them come out. Source: GS1 General Specifications, section 7.8. The form that people print,
`(01)08053734093444(10)L1`, is read as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice

from pi_auto.client.capture.meaning.advice import Advice
from pi_auto.client.capture.meaning.check_digits import holds, is_digits
from pi_auto.client.capture.meaning.dictionary import Entry, ai_length, entry_of
from pi_auto.client.capture.meaning.values import known, lint, lonely, malformed

GS = "\x1d"
MOST_ELEMENTS = 100  # of one code, so that hostile text costs little
MOST_PROBLEMS = 20
_BRACKETED = re.compile(r"\(([0-9]{2,4})\)")
_ITEMS = ("00", "01", "02")
_HOLDS_GTIN = ("01", "02", "03")
_ITIP, _GTIN_DIGITS = ("8006", "8026"), 14


class Elements:
    """What was read so far. `torn` says that the text is no element string from some place on."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.problems: list[str] = []
        self.torn = False

    def add(self, ai: str, value: str) -> None:
        """Take an element; a second one of the same AI must say the same."""
        if self.values.setdefault(ai, value) != value and len(self.problems) < MOST_PROBLEMS:
            self.problems.append(f"AI {ai} stands twice, with two values; the first is taken")

    def tear(self, problem: str) -> None:
        """Note that what follows cannot be read."""
        self.torn = True
        self.problems.append(problem)


def read_element_string(text: str, symbology: str) -> Advice:
    """What an element string says."""
    return judged(_split(text), symbology)


def read_by_form(text: str) -> Advice | None:
    """What a text says that no AIM identifier calls an element string; None if it is hardly one.

    One has separators or printed brackets in it, or begins with an SSCC or a GTIN whose check digit holds or
    that other elements follow; and it reads whole.
    """
    found = _split(text)
    if not found.values:
        return None
    ai, value = next(iter(found.values.items()))
    item = ai in _ITEMS and is_digits(value) and (holds(value) or len(found.values) > 1)
    marked = GS in text or text.startswith("(")
    likely = (item and marked) or ((item or marked) and not found.torn)
    return judged(found, None) if likely else None


def judged(found: Elements, symbology: str | None) -> Advice:
    """The advice on elements, with what GS1's dictionary has against them."""
    entries = known(tuple(found.values))
    problems, checks = list(found.problems), []
    for ai, entry in entries.items():
        for problem, is_check in _problems(ai, entry, found.values[ai], entries):
            if problem and len(problems) < MOST_PROBLEMS:
                problems.append(f"AI {ai} ({entry.title}) {problem}" if entry.title else f"AI {ai} {problem}")
            if is_check:
                checks.append(problem is None)
    check = all(checks) if checks else None
    return Advice(symbology, _gtin(found.values), check, found.values, tuple(problems[:MOST_PROBLEMS]))


def _split(text: str) -> Elements:
    """The elements of a text as far as it reads as an element string."""
    found = Elements()
    text = text.removeprefix(GS)  # FNC1 in first place, as some scanners send it
    elements = _bracketed(text) if text.startswith("(") else _plain(text)
    for ai, value, problem in islice(elements, MOST_ELEMENTS):
        if problem:
            found.tear(problem)
        else:
            found.add(ai, value)
    return found


def _plain(text: str) -> Iterator[tuple[str, str, str | None]]:
    """AI, value, and why what follows cannot be read."""
    at = 0
    while at < len(text):
        ai = text[at : at + (ai_length(text, at) or 2)]
        entry = entry_of(ai) if is_digits(ai) else None
        if entry is None:
            yield "", "", f"no AI begins at character {at + 1}: {ai!a}"
            return
        start = at + len(ai)
        end = _end(text, start)
        if entry.predefined is not None:
            end = min(end, start + entry.predefined)
        yield ai, text[start:end], None
        at = end + 1 if text.startswith(GS, end) else end


def _bracketed(text: str) -> Iterator[tuple[str, str, str | None]]:
    places = [found for found in islice(_BRACKETED.finditer(text), MOST_ELEMENTS + 1) if entry_of(found[1])]
    if not places or places[0].start() > 0:
        yield "", "", f"no AI begins at character 1: {text[:6]!a}"
        return
    ends = [place.start() for place in places[1:]] + [len(text)]
    for place, end in zip(places, ends, strict=True):
        yield place[1], text[place.end() : end].rstrip(GS), None


def _end(text: str, start: int) -> int:
    end = text.find(GS, start)
    return len(text) if end < 0 else end


def _problems(
    ai: str, entry: Entry, value: str, entries: Mapping[str, Entry]
) -> Iterator[tuple[str | None, bool]]:
    """What is wrong with an element, or None for a test that it passes; and whether that was a check digit."""
    wrong = malformed(entry, value)
    if wrong:
        yield wrong, False
    else:
        for name, problem in lint(entry, value):
            yield (f"is {value!a}: {problem}" if problem else None), name in ("csum", "csumalpha")
    for problem in lonely(entries, ai):
        yield problem, False


def _gtin(values: Mapping[str, str]) -> str | None:
    """The GTIN of the item, or of the items inside, if it is one."""
    places = [values[ai] for ai in _HOLDS_GTIN if ai in values]
    places += [values[ai][:_GTIN_DIGITS] for ai in _ITIP if ai in values]
    good = (each for each in places if len(each) == _GTIN_DIGITS and is_digits(each) and holds(each))
    return next(good, None)
