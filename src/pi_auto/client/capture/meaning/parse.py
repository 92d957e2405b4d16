"""`pi-auto-client parse TEXT`: what a code means, for a person or as JSON, told by what capture uses too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TextIO

from pi_auto.client.capture.meaning.element_string import GS
from pi_auto.client.capture.meaning.meaning import Meaning, meaning_of
from pi_auto.client.capture.meaning.values import known
from pi_auto.wire.escape import printable

_WRITTEN_GS = r"\x1d"
_CHECK = {True: "holds", False: "does not hold", None: None}


def parse(received: str, out: TextIO, *, as_json: bool) -> int:
    r"""Print what a code means that was received with GS as itself or written `\x1d`; the exit code, 0."""
    meaning = meaning_of(received.replace(_WRITTEN_GS, GS))
    print(json.dumps(_told(meaning)) if as_json else "\n".join(_lines(meaning)), file=out)
    return 0


def _told(meaning: Meaning) -> dict[str, object]:
    return {
        "text": meaning.text,
        "aim": meaning.aim,
        "symbology": meaning.symbology,
        "gtin": meaning.gtin,
        "check_digit_ok": meaning.check_digit_ok,
        "elements": dict(meaning.elements),
        "titles": _titles(meaning),
        "problems": list(meaning.problems),
    }


def _lines(meaning: Meaning) -> Iterator[str]:
    facts = {
        "text": printable(meaning.text),
        "AIM identifier": meaning.aim,
        "symbology": meaning.symbology,
        "GTIN": meaning.gtin,
        "check digit": _CHECK[meaning.check_digit_ok],
    }
    for name, told in facts.items():
        if told is not None:
            yield f"{name:<15} {told}"
    titles = _titles(meaning)
    for ai, value in meaning.elements.items():
        yield f"({ai}){'':<{13 - len(ai)}} {printable(value)}   {titles.get(ai, '')}".rstrip()
    for problem in meaning.problems:
        yield f"{'problem':<15} {printable(problem)}"


def _titles(meaning: Meaning) -> dict[str, str]:
    """GS1's data titles, such as BATCH/LOT, of the elements."""
    return {ai: entry.title for ai, entry in known(tuple(meaning.elements)).items()}
