"""How far the way to the server went. Data alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Stop(StrEnum):
    """The step that the way to the server ended at."""

    UNSET = "no server is set"
    NAME = "its name leads nowhere"
    REFUSED = "nobody listens there"
    SILENT = "no connection"
    PROXY = "no way by the site's proxy"
    PORTAL = "the network wants somebody to log in first"
    LARGE = "only small packets come through"
    AUTHORITIES = "the authorities to believe cannot be read"
    NO_TLS = "no TLS"
    CHAIN = "a certificate of an authority that is not believed"
    NAMED = "a certificate of another name"
    DATES = "a certificate whose dates alone are not right"
    STRANGER = "not a server of ours"
    UNWELL = "no proper answer"
    UNPROVEN = "it does not prove the fleet"
    ARRIVED = "the whole way was gone"


@dataclass(frozen=True, slots=True)
class Exchange:
    """How far it went. `ahead` is by how many seconds the server's clock is before this one, if it told."""

    stop: Stop
    said: str = ""
    address: str = ""
    name: str = ""
    ahead: float | None = None
    now: datetime | None = None
