"""Reads what a browser asks of the console: a filter, and what the page shows already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from sqlalchemy import Connection

from pi_auto.server.console.content import Seen
from pi_auto.server.console.queries import PLAIN, PageFilter
from pi_auto.server.fleet.presence import Presence
from pi_auto.server.fleet.queries import find_device
from pi_auto.wire.errors import FieldError, shown

_LATEST = 253370764800000  # the last year that a date can name begins: presence looks days beyond a moment


@dataclass(frozen=True, slots=True)
class Filter:
    """What the person typed: a device's id or host name, a part of the code, a presence. Empty means any."""

    device: str = ""
    text: str = ""
    status: str = ""

    def __bool__(self) -> bool:
        return bool(self.device or self.text or self.status)

    def query(self, **more: str) -> str:
        """The filter as the query part of an address; empty if there is nothing to say."""
        own = (("device", self.device), ("text", self.text), ("status", self.status))
        said = {name: value for name, value in own if value}
        return f"?{urlencode(said | more)}" if said or more else ""

    def of_scans(self) -> Filter:
        """What of it is about scans."""
        return replace(self, status="")

    def scans(self, connection: Connection) -> PageFilter:
        """The scans that it means. A device that is not known matches none."""
        if not self:
            return PLAIN
        known = find_device(connection, self.device) if self.device else None
        device_id = known.device_id if known else self.device or None
        state = Presence(self.status) if self.status else None
        return replace(PLAIN, device_id=device_id, text=self.text or None, presence=state)


def filter_of(query: Mapping[str, str]) -> Filter:
    """The filter of an address; FieldError says what is wrong."""
    status = _text(query, "status", 16)
    if status and status not in tuple(Presence):
        raise FieldError("status", shown(status), "one of " + ", ".join(Presence))
    return Filter(device=_text(query, "device", 253).strip(), text=_text(query, "text", 200), status=status)


def seen_of(query: Mapping[str, str], last_event: str | None) -> Seen:
    """What the page shows: the last event that it has had counts more than its address."""
    after = _number("Last-Event-ID", last_event, 2**63 - 1) if last_event else None
    if after is None:
        after = _number("after", query.get("after"), 2**63 - 1)
    return Seen(-1 if after is None else after, _number("at", query.get("at"), _LATEST))


def _text(query: Mapping[str, str], name: str, most: int) -> str:
    value = query.get(name, "")
    if len(value) > most:
        raise FieldError(name, shown(value), f"at most {most} characters")
    return value


def _number(name: str, text: str | None, most: int) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= most):
        raise FieldError(name, shown(text), f"a whole number from 0 to {most}")
    return int(text)
