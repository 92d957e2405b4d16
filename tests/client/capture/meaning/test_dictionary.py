"""The tables of Application Identifiers: made by script/gs1, up to date, and the same as GS1's own list says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from gs1_tables import DICTIONARY, TABLES, tables
from pi_auto.client.capture.meaning.dictionary import ai_length, entry_of
from pi_auto.client.capture.meaning.linters import LINTERS, UNTESTED
from pi_auto.client.capture.meaning.tables import ENTRIES

ROOT = Path(__file__).parents[4]
# GS1's list of all AIs as biip ships it: another publication than the dictionary, so that each tells on the other.
PUBLISHED: list[dict[str, Any]] = json.loads(
    files("biip.gs1_application_identifiers").joinpath("_application_identifiers.json").read_text()
)
# Where the two publications differ in words: what ours says of the AIs that begin so.
OTHERWISE = ("356", "364", "365", "366", "4322", "4324", "4325", "723")


def test_the_tables_are_what_script_gs1_makes_of_the_dictionary() -> None:
    assert (ROOT / TABLES).read_text() == tables((ROOT / DICTIONARY).read_text())


def test_every_ai_that_gs1_has_published_is_in_the_tables_and_no_other() -> None:
    assert [row["ai"] for row in PUBLISHED if entry_of(row["ai"]) is None] == []
    published = {row["ai"] for row in PUBLISHED}
    assert [f"{ai:02}" for ai in range(100) if entry_of(f"{ai:02}") and f"{ai:02}" not in published] == []
    assert [f"{ai:03}" for ai in range(1000) if entry_of(f"{ai:03}") and f"{ai:03}" not in published] == []
    assert [f"{ai:04}" for ai in range(10000) if entry_of(f"{ai:04}") and f"{ai:04}" not in published] == []


def test_an_ai_has_the_length_and_the_separator_that_gs1_has_published() -> None:
    assert [row["ai"] for row in PUBLISHED if not is_as_published(row)] == []


def is_as_published(row: dict[str, Any]) -> bool:
    entry = entry_of(row["ai"])
    return (
        entry is not None
        and ai_length(row["ai"], 0) == len(row["ai"])
        and (entry.predefined is None) is row["separator_required"]
        and sum(part.most for part in entry.components) == longest(row["format"])
    )


def test_an_ai_has_the_title_that_gs1_has_published_but_for_a_few_words() -> None:
    others = [row["ai"] for row in PUBLISHED if spoken(title_of(row["ai"])) != spoken(row["data_title"])]
    assert [ai for ai in others if not ai.startswith(OTHERWISE)] == []


def title_of(ai: str) -> str:
    entry = entry_of(ai)
    assert entry
    return entry.title


def spoken(title: str) -> str:
    """A title without the differences that print makes."""
    return re.sub(r"[^a-z0-9]", "", title.lower().replace("²", "2").replace("³", "3"))


def longest(form: str) -> int:
    """The greatest length that a form such as N3+N13[+X..17] allows, without the AI in front."""
    parts = re.findall(r"\[-\]|[NX]\d+\.\.[NX]\d+|[NXYZ](?:\.\.)?\d+", form)[1:]
    return sum(1 if part == "[-]" else int(re.findall(r"\d+", part)[-1]) for part in parts)


def test_every_test_that_the_dictionary_names_is_there_or_known_to_be_left_out() -> None:
    named = set(re.findall(r",([a-z0-9]+)", " ".join(line.split("|")[2] for line in ENTRIES.splitlines())))
    assert named - set(LINTERS) == UNTESTED
    assert set(LINTERS) - named == set()


@pytest.mark.parametrize(
    "ai", ["", "0", "04", "236", "3106", "3109", "3944", "8099", "31nn", "9n", "012", "00000"]
)
def test_what_gs1_has_not_assigned_has_no_entry(ai: str) -> None:
    assert entry_of(ai) is None


def test_a_line_that_the_generator_cannot_read_is_refused_by_its_number() -> None:
    with pytest.raises(ValueError, match=r"line 2 is 'nonsense'; allowed: AI or range"):
        tables("00 * N18 # SSCC\nnonsense\n")
    with pytest.raises(ValueError, match=r"line 1 has 'N18 color=red'; allowed: components, then req="):
        tables("00 * N18 color=red # SSCC\n")


def test_the_generator_reads_the_dictionary_in_the_columns_that_gs1_sets_it_in() -> None:
    line = "3100-3105  *?  N6                               req=01,02 ex=310n                # NET WEIGHT (kg)"
    assert "\n3100-3105|*?|N6|req=01,02 ex=310n|NET WEIGHT (kg)\n" in tables(line)


def test_reading_codes_loads_no_library_that_capture_does_without() -> None:
    script = "import sys, re, dataclasses, functools, pi_auto.client.capture.meaning.meaning; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout.split()
    assert {"urllib.parse", "json", "datetime", "string", "logging"}.isdisjoint(loaded)
