"""GS1's tests of a part of a value, by the names that its dictionary calls them.

A part goes in that has the right length and characters; a sentence comes out that says what is wrong, or None.
Source: GS1 General Specifications, section 3, and what GS1's dictionary says of each test. Not tested here are the
coupons of North America (couponcode, couponposoffer) and package types (packagetype, a list of 400 names).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pi_auto.client.capture.meaning.check_digits import CHARACTERS, check_digit, check_pair, holds, is_digits
from pi_auto.client.capture.meaning.iso import COUNTRY_LETTERS, COUNTRY_NUMBERS, CURRENCIES, is_listed

_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_PREFIX = 4  # digits of the shortest company prefix
_LONGEST_WITH_PAIR = 25
_NO_PERCENT_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_POSITION = re.compile(r"([1-9])/([1-9])")
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{1,30}")
_MEDIA = frozenset((*range(1, 11), *range(80, 100)))

Linter = Callable[[str], str | None]


def _csum(part: str) -> str | None:
    if holds(part):
        return None
    return f"its check digit is {part[-1]}; by the others it would be {check_digit(part[:-1])}"


def _csumalpha(part: str) -> str | None:
    if not 3 <= len(part) <= _LONGEST_WITH_PAIR or not set(part) <= set(CHARACTERS):
        return "it is too short, or too long, for the pair of check characters at its end"
    pair = check_pair(part[:-2])
    return (
        None
        if part.endswith(pair)
        else f"its check characters are {part[-2:]}; by the others they would be {pair}"
    )


def _key(part: str) -> str | None:
    good = len(part) >= _PREFIX and is_digits(part[:_PREFIX])
    return None if good else f"it begins with no company prefix, which has {_PREFIX} digits or more"


def _keyoff1(part: str) -> str | None:
    return _key(part[1:])


def _date(year: int, month: int, day: int) -> str | None:
    """What is wrong with a date, of which a year of two digits is read as 20xx: that tells its leap days."""
    if not 1 <= month <= len(_DAYS):
        return f"month {month:02} does not exist"
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = 28 if month == 2 and not leap else _DAYS[month - 1]
    return None if 1 <= day <= days else f"day {day:02} does not exist in that month"


def _yymmdd(part: str) -> str | None:
    return _date(2000 + int(part[:2]), int(part[2:4]), int(part[4:6]))


def _yymmd0(part: str) -> str | None:
    """Day 00 is the end of the month, or the month as such."""
    return _yymmdd(f"{part[:4]}01" if part.endswith("00") else part)


def _yyyymmdd(part: str) -> str | None:
    return _date(int(part[:4]), int(part[4:6]), int(part[6:8]))


def _hh(part: str) -> str | None:
    return None if int(part) < 24 else f"hour {part} does not exist"


def _mi(part: str) -> str | None:
    return None if int(part) < 60 else f"minute {part} does not exist"


def _ss(part: str) -> str | None:
    return None if int(part) < 60 else f"second {part} does not exist"


def _hhmi(part: str) -> str | None:
    return _hh(part[:2]) or _mi(part[2:])


def _hhmi9999(part: str) -> str | None:
    """A delivery may be due at some day and no time: AI 4324 and 4325. GS1's dictionary has no test for that."""
    return None if part == "9999" else _hhmi(part)


def _iso3166(part: str) -> str | None:
    return None if is_listed(part, COUNTRY_NUMBERS) else f"{part} is no country of ISO 3166"


def _iso3166999(part: str) -> str | None:
    return None if part == "999" else _iso3166(part)


def _iso3166alpha2(part: str) -> str | None:
    return None if is_listed(part, COUNTRY_LETTERS) else f"{part} is no country of ISO 3166"


def _iso4217(part: str) -> str | None:
    return None if is_listed(part, CURRENCIES) else f"{part} is no currency of ISO 4217"


def _iban(part: str) -> str | None:
    if not _IBAN.fullmatch(part) or not is_listed(part[:2], COUNTRY_LETTERS):
        return "it does not have the form of an IBAN"
    # ISO 13616: country and check digits behind the rest, A to Z as 10 to 35, modulo 97.
    number = "".join(str(int(character, 36)) for character in part[4:] + part[:4])
    return None if int(number) % 97 == 1 else "the check digits of this IBAN do not hold"


def _pcenc(part: str) -> str | None:
    return "a % stands in it without two hexadecimal digits" if _NO_PERCENT_ESCAPE.search(part) else None


def _latitude(part: str) -> str | None:
    return None if int(part) <= 180_0000000 else "it is beyond 180 degrees from the south pole"


def _longitude(part: str) -> str | None:
    return None if int(part) <= 360_0000000 else "it is beyond 360 degrees"


def _pieceoftotal(part: str) -> str | None:
    piece, total = int(part[: len(part) // 2]), int(part[len(part) // 2 :])
    return None if 1 <= piece <= total else f"there is no piece {piece} of {total}"


def _posinseqslash(part: str) -> str | None:
    found = _POSITION.fullmatch(part)
    return None if found and found[1] <= found[2] else "it is no position in a sequence, such as 1/2"


def _one_of(allowed: str) -> Linter:
    def lint(part: str) -> str | None:
        return None if part in allowed.split() else f"{part} is none of {allowed}"

    return lint


LINTERS: dict[str, Linter] = {
    "csum": _csum,
    "csumalpha": _csumalpha,
    "hasnondigit": lambda part: "it has digits only" if is_digits(part) else None,
    "hh": _hh,
    "hhmi": _hhmi,
    "hhmi9999": _hhmi9999,
    "hyphen": _one_of("-"),
    "iban": _iban,
    "importeridx": lambda part: None if part.isalnum() or part in "-_" else f"{part} is no importer index",
    "iso3166": _iso3166,
    "iso3166999": _iso3166999,
    "iso3166alpha2": _iso3166alpha2,
    "iso4217": _iso4217,
    "iso5218": _one_of("0 1 2 9"),
    "key": _key,
    "keyoff1": _keyoff1,
    "latitude": _latitude,
    "longitude": _longitude,
    "mediatype": lambda part: None if int(part) in _MEDIA else f"{part} is no medium of GS1's list",
    "mi": _mi,
    "nonzero": lambda part: None if int(part) else "a part of it is 0",
    "nozeroprefix": lambda part: "it begins with 0" if part.startswith("0") and part != "0" else None,
    "pcenc": _pcenc,
    "pieceoftotal": _pieceoftotal,
    "posinseqslash": _posinseqslash,
    "ss": _ss,
    "winding": _one_of("0 1 9"),
    "yesno": _one_of("0 1"),
    "yymmd0": _yymmd0,
    "yymmdd": _yymmdd,
    "yyyymmdd": _yyyymmdd,
    "zero": lambda part: "it does not begin with 0" if int(part) else None,
}
UNTESTED = frozenset(("couponcode", "couponposoffer", "packagetype"))
