"""What an operator's secret is good for, and whether a browser's request is its own. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from pi_auto.wire.errors import FieldError, shown

LINK_LASTS = timedelta(hours=24)
SESSION_LASTS = timedelta(hours=12)
AHEAD = timedelta(minutes=1)  # made farther ahead: by a clock that was put back while nothing ran
MOST_TOKENS, MOST_SESSIONS = 500, 1000
SESSION = re.compile(r"session_[A-Za-z0-9_-]{43}\Z")
LINK = re.compile(r"link_[A-Za-z0-9_-]{43}\Z")
TOKEN = re.compile(r"operator_[A-Za-z0-9_-]{43}\Z")
TOKEN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
NAME_ALLOWED = "letters, digits, dots and dashes, 64 at most, and a letter or a digit first"
_SAFE = ("GET", "HEAD", "OPTIONS")


class Scope(StrEnum):
    """What may be done."""

    READ = "read"  # see devices and scans
    DEVICES = "devices"  # approve, revoke, decommission; tell devices what to do
    FLEET = "fleet"  # the card, the installer, batch tokens, the policy
    OPERATORS = "operators"  # make and revoke tokens: whoever has this can have everything


EVERYTHING = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Operator:
    """Who asks: the name of a token, or of whom a session belongs to."""

    name: str
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        """Whether the scope is theirs."""
        return scope in self.scopes


def scopes_of(words: Iterable[str], path: str = "scopes") -> frozenset[Scope]:
    """The scopes that words name. Raises FieldError."""
    found = frozenset(words)
    for word in sorted(found):
        if word not in tuple(Scope):
            raise FieldError(path, shown(word), "some of " + ", ".join(Scope))
    if not found:
        raise FieldError(path, "empty", "some of " + ", ".join(Scope))
    return frozenset(map(Scope, found))


def written(scopes: frozenset[Scope]) -> str:
    """Scopes as the books hold them."""
    return " ".join(sorted(scopes))


def is_forged(method: str, headers: Mapping[str, str], host: str) -> bool:
    """Whether a request that carries a session's cookie may come from somebody else's page.

    Browsers say where a request comes from, in Sec-Fetch-Site or in Origin; one that says neither
    and wants to alter something is not believed.
    """
    if method in _SAFE:
        return False
    if site := headers.get("Sec-Fetch-Site"):
        return site != "same-origin"
    origin = headers.get("Origin")
    return not origin or urlsplit(origin).netloc.lower() != host.lower()
