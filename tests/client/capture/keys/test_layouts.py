"""The tables of layouts: what xkb and Windows say, up to date, and small."""

from __future__ import annotations

import ast
import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from pi_auto.client.capture.keys.betraying import KEYS
from pi_auto.client.capture.keys.layout import NAMES, US, UnknownLayout, load
from pi_auto.client.capture.keys.positions import POSITIONS
from pi_auto.sheet.calibration_text import TEXT
from pi_auto.simulator.wedge import Wedge

ROOT = Path(__file__).parents[4]
PLAIN, SHIFT, CAPS, CAPS_SHIFT, ALTGR = range(5)


def has_xkb() -> bool:
    try:
        ctypes.CDLL("libxkbcommon.so.0")
    except OSError:
        return False
    return Path("/usr/share/X11/xkb/rules/evdev").exists()


@pytest.mark.skipif(not has_xkb(), reason="apt-get install libxkbcommon0 xkb-data")
def test_the_tables_are_those_that_script_layouts_makes() -> None:
    """Of each key that types ASCII or an accent: what else AltGr types, xkb changes from year to year."""
    made = subprocess.run(
        [sys.executable, "-c", "from layouts import *; [print(ascii(levels_of(each))) for each in RECIPES]"],
        env={"PYTHONPATH": f"{ROOT / 'packaging'}:{ROOT / 'src'}"}, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for name, line in zip(NAMES, made.splitlines(), strict=True):
        for level, row in zip((0, 1, 4, 5), ast.literal_eval(line), strict=True):
            for code, char in zip(POSITIONS, row, strict=True):
                kept = load(name).levels[level][code]
                counts = "!" <= char <= "~" or "\u0300" <= char <= "\u036f"
                assert not counts or char == kept, (name, code, level)


@pytest.mark.parametrize("name", NAMES)
def test_what_tells_the_layouts_apart_was_made_of_these_tables(name: str) -> None:
    told = {(ord(KEYS[name][at]), KEYS[name][at + 1]) for at in range(0, len(KEYS[name]), 2)}
    assert told == {
        (code + 128 * level, char)
        for level, row in enumerate((0, 1, 4, 5))
        for code in POSITIONS
        if (char := load(name).levels[row][code]) and char in TEXT
    }


@pytest.mark.parametrize(
    ("name", "code", "level", "char"),
    [
        ("gb", 4, SHIFT, "£"), ("gb", 86, PLAIN, "\\"), ("de", 21, PLAIN, "z"), ("de", 16, ALTGR, "@"),
        ("fr", 5, SHIFT, "4"), ("fr", 9, ALTGR, "\\"), ("be", 2, ALTGR, "|"), ("it", 39, ALTGR, "@"),
        ("es", 41, ALTGR, "\\"), ("pt", 8, ALTGR, "{"), ("ch", 2, SHIFT, "+"), ("cz", 3, PLAIN, "ě"),
        ("cz", 47, ALTGR, "@"), ("hu", 41, PLAIN, "0"), ("se", 12, ALTGR, "\\"), ("dk", 86, ALTGR, "\\"),
        ("no", 13, PLAIN, "\\"), ("fi", 5, SHIFT, "¤"), ("pl", 22, ALTGR, "€"), ("tr", 52, PLAIN, "ç"),
        ("ru", 4, SHIFT, "№"), ("gr", 16, PLAIN, ";"), ("jp", 89, SHIFT, "_"), ("jp", 124, PLAIN, "\\"),
        ("jp", 124, SHIFT, "|"), ("jp", 3, SHIFT, '"'), ("us", 86, PLAIN, "<"), ("de", 83, PLAIN, "."),
        ("fr", 79, PLAIN, "1"), ("ru", 98, PLAIN, "/"),
    ],
)  # fmt: skip
def test_a_key_types_what_it_does_on_windows(name: str, code: int, level: int, char: str) -> None:
    assert load(name).levels[level][code] == char


@pytest.mark.parametrize(
    ("name", "code", "alone", "with_shift"),
    [
        ("us", 30, "A", "a"), ("us", 2, "1", "!"), ("de", 2, "!", "1"), ("de", 39, "Ö", "ö"),
        ("fr", 3, "2", "é"), ("fr", 50, "?", ","), ("be", 10, "9", "ç"), ("cz", 3, "Ě", "2"),
        ("ch", 39, "Ö", "É"), ("tr", 40, "İ", "i"), ("tr", 23, "I", "ı"), ("hu", 41, "0", "§"),
        ("gr", 30, "Α", "α"),
    ],
)  # fmt: skip
def test_caps_lock_is_that_of_windows(name: str, code: int, alone: str, with_shift: str) -> None:
    assert (load(name).levels[CAPS][code], load(name).levels[CAPS_SHIFT][code]) == (alone, with_shift)


def test_all_of_ascii_but_what_a_layout_lacks_has_a_key() -> None:
    """`lacks` is known from what is printed on the keys: scanners type it by its number there."""
    lacks = {"it": "`~", "ru": "#$&'<>@[]^`{|}~", "gr": "", "dk": "", "jp": ""}
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for name in NAMES:
        layout = load(name)
        typed = {char for level in layout.levels for char in level} | set(layout.accents.values())
        missing = {chr(code) for code in range(33, 127)} - typed
        expected = set(lacks.get(name, "")) | (set(letters) if name in ("ru", "gr") else set())
        assert missing <= expected, name


def test_an_unknown_layout_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UnknownLayout, match=r"'xx'; allowed: us, gb, de, .*, jp"):
        load("xx")


def test_only_the_us_layout_is_in_memory_before_another_is_asked_for() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import sys, pi_auto.client.capture.program; print(*sys.modules)"],
        check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    tables = {name.rpartition(".")[2] for name in told if ".keys.tables." in name}
    assert tables == {"us"}
    assert not any("unicodedata" in name or "encodings.cp" in name for name in told)


def test_all_layouts_together_are_small_on_disk() -> None:
    tables = (ROOT / "src/pi_auto/client/capture/keys/tables").glob("*.py")
    assert sum(path.stat().st_size for path in tables) < 32_768


def test_a_wedge_is_us_and_ends_codes_by_enter_unless_told() -> None:
    assert Wedge().layout is US
    assert [report[-2][1] for report in Wedge().reports("a")] == [30, 30, 28, 28]
