"""Conditions on a change: the If-Match of a request against the ETag of what is stored.

Source: RFC 9110, and Azure IoT Hub, which takes an ETag with or without its quotes.
"""

from __future__ import annotations

ANY = "*"


class StaleError(Exception):
    """What is stored has changed since its ETag was read. IoT Hub answers 412."""


def check(if_match: str | None, etag: str) -> None:
    """Raise StaleError unless the condition holds; none at all holds always."""
    if if_match is not None and bare(if_match) not in (ANY, etag):
        raise StaleError("the ETag is not the stored one: read it again")


def bare(etag: str) -> str:
    """An ETag without its quotes."""
    return etag.strip().removeprefix("W/").strip('"')
