"""A keyboard layout, ready for the reader: which character a key means, on which level, with Caps Lock or without.

`load` brings in the table of one layout; it reads a file the first time, so no reader thread may call it.
The layouts are those of Windows, for which scanners are made (packaging/layouts.py says where they come from).
Caps Lock shifts letters; on French, Belgian and German keyboards it locks Shift for digits and signs as well, as
Windows has it, and any other letter it types as a capital. The keypad types digits and operators whatever Num Lock
says, since scanners mean them, and its point is a point in every country.
"""

from __future__ import annotations

from importlib import import_module

from pi_auto.client.capture.keys.positions import POSITIONS
from pi_auto.client.capture.keys.tables import us
from pi_auto.wire.scanner_settings import LAYOUTS

NAMES = LAYOUTS
KEYPAD_DIGITS = dict(zip((82, 79, 80, 81, 75, 76, 77, 71, 72, 73), "0123456789", strict=True))
EVERYWHERE = KEYPAD_DIGITS | {57: " ", 55: "*", 74: "-", 78: "+", 83: ".", 95: ",", 98: "/", 117: "=", 121: ","}
_FIRST_ACCENT, _LAST_ACCENT = "\u0300", "\u036f"  # a dead key types a combining character, which no other key does
CODES = 128  # a table has so many keys; none beyond types anything

Keys = tuple[str, ...]  # by key code; empty where a key types nothing


class UnknownLayout(Exception):  # noqa: N818 - names what happened
    """A layout that is not known; the message lists those that are."""


class Layout:
    """What each key types.

    `levels[shift + 2 * caps + 4 * altgr]` holds what keys type then, `at_once` the same without dead keys;
    `composed` the letter that a dead key and the character after it make; `accents` a dead key's accent alone;
    `oem` and `ansi` the upper halves of the code pages.
    """

    __slots__ = ("accents", "ansi", "at_once", "composed", "has_altgr", "is_latin", "levels", "name", "oem")

    def __init__(self, name: str, table: object) -> None:
        self.name = name
        rows = [_by_code(getattr(table, row)) for row in ("PLAIN", "SHIFT", "ALTGR", "SHIFT_ALTGR")]
        self.ansi, self.oem = str(getattr(table, "ANSI")), str(getattr(table, "OEM"))  # noqa: B009 - a module of ours
        self.levels = self._with_caps(rows, str(getattr(table, "CAPS")))  # noqa: B009
        self.at_once = tuple(_without_dead(keys) for keys in self.levels)
        self.has_altgr = any(rows[2][code] for code in POSITIONS)
        self.is_latin = "a" in rows[0]
        composed: dict[str, str] = getattr(table, "COMPOSED")  # noqa: B009
        self.accents = {dead: letters[0] for dead, letters in composed.items()}
        self.composed = {
            dead + letters[at]: letters[at + 1]
            for dead, letters in composed.items()
            for at in range(1, len(letters), 2)
        }

    def _with_caps(self, rows: list[Keys], caps: str) -> tuple[Keys, ...]:
        locked = {code for code, mark in zip(POSITIONS, caps, strict=True) if mark != " "}
        plain, shifted, altgr, both = rows
        caps_plain = self._locked(plain, shifted, locked)
        caps_shifted = self._locked(shifted, plain, locked)
        letters = {code for code in POSITIONS if altgr[code] and altgr[code].upper() == both[code]}
        caps_altgr, caps_both = self._locked(altgr, both, letters), self._locked(both, altgr, letters)
        return plain, shifted, caps_plain, caps_shifted, altgr, both, caps_altgr, caps_both

    def _locked(self, keys: Keys, others: Keys, locked: set[int]) -> Keys:
        return tuple(others[code] if code in locked else self._capital(keys[code]) for code in range(CODES))

    def _capital(self, char: str) -> str:
        upper = char.upper()
        return upper if len(upper) == 1 and (upper < "\x80" or upper in self.ansi) and char.islower() else char


def _without_dead(keys: Keys) -> Keys:
    dead = {char for char in keys if char and _FIRST_ACCENT <= char <= _LAST_ACCENT}
    return tuple("" if char in dead else char for char in keys) if dead else keys


def _by_code(row: str) -> Keys:
    keys = [""] * CODES
    for code, char in zip(POSITIONS, row, strict=True):
        keys[code] = char.strip(" ")
    for code, char in EVERYWHERE.items():
        keys[code] = char
    return tuple(keys)


NOTHING: Keys = ("",) * CODES
US = Layout("us", us)
CHARACTER_KEYS = frozenset((*POSITIONS, *EVERYWHERE))


def load(name: str) -> Layout:
    """The layout of that name. Raises UnknownLayout. May read a file: not for the reader thread."""
    if name not in NAMES:
        raise UnknownLayout(f"there is no keyboard layout '{name}'; allowed: {', '.join(NAMES)}")
    return US if name == "us" else Layout(name, import_module(f"pi_auto.client.capture.keys.tables.{name}"))
