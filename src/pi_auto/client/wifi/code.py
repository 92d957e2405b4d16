r"""Reads a Wi-Fi code: `WIFI:T:WPA;S:network;P:password;H:true;;`, fields in any order.

Strict, since what it says is acted on: a wrong length, an unknown kind, a field twice and a cut end are refused,
each by a sentence that holds nothing of the code. A backslash makes any character stand for itself. Quotes around
a value are not part of it; a value is never read as hexadecimal, as phones do not either, but for the keys that
WPA and WEP themselves define so.
Source: ZXing's page on barcode contents; WPA3 specification, section 7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

MOST = 1024  # characters of a code
_MOST_SSID = 32  # bytes, as radio frames carry it
_HEAD = re.compile(r"[\s\x00-\x1f]*(?:\][A-Za-z][0-9A-Za-z])?\s*WIFI:", re.IGNORECASE)
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9]{0,3}):((?:[^\\;]|\\.)*);", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_QUOTED = re.compile(r'"((?:[^\\]|\\.)*)"', re.DOTALL)  # by a sign that is not escaped, at either end
_HEX = re.compile(r"[0-9A-Fa-f]+")
_PRINTABLE = re.compile(r"[ -~]+")
_YES = {"true": True, "1": True, "false": False, "0": False, "": False}


class NotReadable(ValueError):  # noqa: N818 - names what happened
    """The code is damaged or says nothing that can be done; the sentence says what is wrong, without its text."""


class NotSupported(NotReadable):
    """It is of a network that wants more than a password."""


class Security(StrEnum):
    """How a network is protected."""

    OPEN = "open"
    WEP = "wep"
    WPA = "wpa"  # a password for WPA, WPA2 and, where both sides have it, WPA3
    SAE = "sae"  # WPA3 alone


_KINDS = {
    "": Security.OPEN, "nopass": Security.OPEN, "wep": Security.WEP, "sae": Security.SAE, "wpa3": Security.SAE,
    "wpa": Security.WPA, "wpa2": Security.WPA, "wpa/wpa2": Security.WPA, "wpa2/wpa3": Security.WPA,
}  # fmt: skip
_ENTERPRISE = ("eap", "802.1x", "enterprise")


@dataclass(frozen=True, slots=True, repr=False)
class Network:
    """What a code says. `ssid` is bytes, 1 to 32; `password` is empty where there is none."""

    ssid: bytes
    security: Security
    password: str = ""
    hidden: bool = False

    @property
    def is_safe(self) -> bool:
        """Whether a password keeps strangers out: that of WEP does not."""
        return self.security in (Security.WPA, Security.SAE)


def parse(code: str) -> Network:
    """The network that a code names. Raises NotReadable."""
    fields = _fields(code)
    security = _security(fields)
    password = _unquoted(fields.get("P", ""))
    _check_password(security, password)
    return Network(_ssid(fields.get("S", "")), security, password, _hidden(fields.get("H", "")))


def _fields(code: str) -> dict[str, str]:
    """Values by names, still escaped."""
    head = _HEAD.match(code)
    if len(code) > MOST or not head:
        raise NotReadable(f"it is longer than {MOST} characters, or does not begin with WIFI:")
    found: dict[str, str] = {}
    for name, value in _split(code[head.end() :].rstrip("\r\n\t \x00\x03\x04")):
        if name in found:
            raise NotReadable(f"field {name} is there twice" if name in "TSPH" else "a field is there twice")
        found[name] = value
    return found


def _split(rest: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(rest) and rest[place:] != ";":
        field = _FIELD.match(rest, place)
        if not field:
            raise NotReadable("its end is missing, or one of its fields has no name")
        yield field[1].upper(), field[2]
        place = field.end()


def _security(fields: dict[str, str]) -> Security:
    told = _plain(fields.get("T", "")).strip().lower()
    if any(word in told for word in _ENTERPRISE) or any(fields.get(name) for name in ("E", "A", "I", "PH2")):
        raise NotSupported("it wants a user's name or a certificate (EAP)")
    if told not in _KINDS:
        raise NotReadable("field T is unknown; allowed: WPA, SAE, WEP, nopass")
    if "T" not in fields and fields.get("P"):
        raise NotReadable("field T is missing, though there is a password")
    return _KINDS[told]


def _check_password(security: Security, password: str) -> None:
    size = len(password)
    if security is Security.OPEN:
        return
    is_text = bool(_PRINTABLE.fullmatch(password))
    is_hex = bool(_HEX.fullmatch(password))
    good = {
        Security.WPA: (is_text and 8 <= size <= 63) or (is_hex and size == 64),
        Security.SAE: bool(password) and password.isprintable() and len(password.encode()) <= 127,
        Security.WEP: (is_text and size in (5, 13)) or (is_hex and size in (10, 26)),
    }
    if not good[security]:
        raise NotReadable(
            f"the password cannot be one of {security.upper()}: its length or its characters are wrong"
        )


def _ssid(value: str) -> bytes:
    ssid = _unquoted(value).encode("utf-8", "surrogatepass")
    if not 1 <= len(ssid) <= _MOST_SSID:
        raise NotReadable(f"the network's name has {len(ssid)} bytes; allowed: 1 to {_MOST_SSID}")
    return ssid


def _hidden(value: str) -> bool:
    told = _plain(value).strip().lower()
    if told not in _YES:
        raise NotReadable("field H is unknown; allowed: true, false")
    return _YES[told]


def _unquoted(value: str) -> str:
    quoted = _QUOTED.fullmatch(value)
    return _plain(quoted[1] if quoted else value)


def _plain(value: str) -> str:
    return _ESCAPED.sub(r"\1", value)
