"""Check digits and check characters, and the two forms of a UPC-E number.

Source: GS1 General Specifications, section 7.9 (modulo 10 of all GS1 numbers, the character pair of GMN) and
section 5.2.2 (UPC-E). Every function takes what its name says and nothing else: who calls has looked.
"""

from __future__ import annotations

GTIN_DIGITS = 14
CHARACTERS = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"  # GS1's set 82
_PAIR = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83)


def is_digits(text: str) -> bool:
    """Whether a text is one or more of 0 to 9, and not of the digits of other scripts."""
    return text.isdecimal() and text.isascii()


def check_digit(digits: str) -> int:
    """The check digit that belongs behind `digits`: weights 3, 1, 3, … from the right."""
    return -(3 * sum(map(int, digits[::-2])) + sum(map(int, digits[-2::-2]))) % 10


def holds(digits: str) -> bool:
    """Whether the last of at least two digits is the check digit of those before it."""
    return check_digit(digits[:-1]) == int(digits[-1])


def gtin14(digits: str) -> str:
    """A GTIN of 8, 12 or 13 digits as one of 14: the form in which all of them can be compared."""
    return digits.zfill(GTIN_DIGITS)


def expand_upc_e(digits: str) -> str:
    """The 12 digits of the UPC-A that stands behind the 8 of a UPC-E, check digit as it is."""
    system, body, check = digits[0], digits[1:7], digits[7]
    last = body[5]
    if last in "012":
        return f"{system}{body[:2]}{last}0000{body[2:5]}{check}"
    if last == "3":
        return f"{system}{body[:3]}00000{body[3:5]}{check}"
    if last == "4":
        return f"{system}{body[:4]}00000{body[4]}{check}"
    return f"{system}{body[:5]}0000{last}{check}"


def check_pair(text: str) -> str:
    """The two check characters that belong behind at most 23 characters of set 82."""
    total = sum(
        CHARACTERS.index(character) * prime for character, prime in zip(reversed(text), _PRIMES, strict=False)
    )
    high, low = divmod(total % 1021, 32)
    return _PAIR[high] + _PAIR[low]
