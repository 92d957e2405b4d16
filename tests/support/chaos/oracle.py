"""What is wrong with the server's books, held against what was typed and what the device has stored. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

WAYS = ("api_at", "hub_at")
_MARKED = ("flagged", "cloned", "legacy")


@dataclass(frozen=True, slots=True)
class Account:
    """One run.

    `typed`: the codes in order. `stored`: uuid → text of all that the device has told as stored, or has in its
    spool. `booked`: the scans of the device as the API lists them. `noted`: what the server has noticed to be
    missing or refused, and `aside`: what the device has given up, in words.
    """

    typed: Sequence[str]
    stored: Mapping[str, str]
    booked: Sequence[Mapping[str, Any]]
    noted: Sequence[str] = ()
    aside: Sequence[str] = field(default=())


def lost(account: Account, way: str) -> list[str]:
    """The uuids that are stored and that this way has not brought into the books."""
    there = {scan["uuid"] for scan in account.booked if scan[way]}
    return [uuid for uuid in account.stored if uuid not in there]


def doubled(account: Account) -> list[str]:
    """The uuids, and the texts, that stand in the books more than once."""
    uuids, texts = (Counter(scan[name] for scan in account.booked) for name in ("uuid", "text"))
    return [each for counted in (uuids, texts) for each, times in counted.items() if times > 1]


def complaints(account: Account) -> list[str]:
    """All that is wrong, in words; empty is right."""
    return [
        *(f"lost: {uuid} ({way}) {account.stored[uuid]!r}" for way in WAYS for uuid in lost(account, way)),
        *(f"double: {each!r}" for each in doubled(account)),
        *_harmed(account),
        *_out_of_order(account),
        *(f"the server noted: {each}" for each in account.noted),
        *(f"the device gave up: {each}" for each in account.aside),
    ]


def _harmed(account: Account) -> Iterator[str]:
    typed = set(account.typed)
    for scan in account.booked:
        text = scan["text"]
        if text not in typed:
            yield f"never typed: {text!r}"
        if text != account.stored.get(scan["uuid"], text):
            yield f"stored as {account.stored[scan['uuid']]!r}, booked as {text!r}"
        yield from (f"{mark}: {text!r}" for mark in _MARKED if scan[mark])


def _out_of_order(account: Account) -> Iterator[str]:
    """By the device's numbers, texts have to follow each other as they were typed, and arrivals too."""
    place = {text: number for number, text in enumerate(account.typed)}
    spools: dict[str, list[Mapping[str, Any]]] = {}
    for scan in sorted(account.booked, key=lambda scan: int(scan["number"])):
        spools.setdefault(scan["spool"], []).append(scan)
    for before, after in (pair for spool in spools.values() for pair in pairwise(spool)):
        if place.get(before["text"], -1) > place.get(after["text"], len(place)):
            yield f"in another order than typed: {before['text']!r}, {after['text']!r}"
        if before["api_at"] and after["api_at"] and before["api_at"] > after["api_at"]:
            yield f"the API brought {after['text']!r} before {before['text']!r}"
