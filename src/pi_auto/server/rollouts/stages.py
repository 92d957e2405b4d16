"""The stages of a roll-out: whom each reaches, and how long it is watched. Pure.

A stage adds devices to those of the stages before it: by percent of the fleet, by group or by tag.
Which devices a percentage is follows from the ids alone, so that no list has to be kept, a device
stays in its place, and every roll-out begins with others.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pi_auto.wire.errors import FieldError, shown

BUCKETS = 10_000
MOST_STAGES, MOST_NAMES = 16, 32
LONGEST_SOAK = 30 * 24 * 3600  # seconds
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}\Z")  # of a group or a tag
USUAL = "tag:lab/1h 1%/1h 5%/4h 25%/24h 50%/24h 100%/1h"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
_SPAN = re.compile(r"(\d{1,7})([smhd])\Z")
_PERCENT = re.compile(r"(\d{1,3})(?:\.(\d{1,2}))?%\Z")
_ALLOWED = "such as 5%/4h, group:shops/24h or tag:lab+tag:pilot/1h: whom, and how long it is watched (s, m, h, d)"


@dataclass(frozen=True, slots=True)
class Stage:
    """Whom a stage adds, and how long it lasts at least (`soak`, seconds). `share` in hundredths of a percent."""

    share: int = 0
    groups: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    soak: int = 0

    def adds(self, device: Device) -> bool:
        """Whether the device is one of them."""
        return device.bucket < self.share or device.group in self.groups or not device.tags.isdisjoint(self.tags)

    def to_json(self) -> dict[str, Any]:
        """The stage as the books hold it."""
        return {"share": self.share, "groups": list(self.groups), "tags": list(self.tags), "soak": self.soak}

    def __str__(self) -> str:
        """The stage as an operator writes it."""
        whom = [f"{self.share / 100:g}%"] if self.share else []
        whom += [f"group:{name}" for name in self.groups] + [f"tag:{name}" for name in self.tags]
        return "+".join(whom) + f"/{span_in_words(self.soak)}"


@dataclass(frozen=True, slots=True)
class Device:
    """What of a device a stage looks at; its bucket is the roll-out's."""

    bucket: int
    group: str | None = None
    tags: frozenset[str] = frozenset()


def bucket_of(rollout: int, device_id: str) -> int:
    """The device's place in this roll-out, from 0 to 9,999."""
    digest = hashlib.sha256(f"{rollout}|{device_id}".encode()).digest()
    return int.from_bytes(digest, "big") % BUCKETS


def stage_of(stages: Sequence[Stage], device: Device) -> int | None:
    """The first stage that reaches the device; None where none does."""
    return next((number for number, stage in enumerate(stages) if stage.adds(device)), None)


def read_stages(value: Collection[Any]) -> tuple[Stage, ...]:
    """Stages as the books hold them."""
    return tuple(Stage(each["share"], tuple(each["groups"]), tuple(each["tags"]), each["soak"]) for each in value)


def parse_stages(text: str) -> tuple[Stage, ...]:
    """Stages as an operator writes them, divided by spaces or commas. Raises FieldError."""
    words = text.replace(",", " ").split()
    if not 1 <= len(words) <= MOST_STAGES:
        raise FieldError("stages", shown(text), f"from 1 to {MOST_STAGES} stages, each {_ALLOWED}")
    stages = tuple(_parse(word, f"stages[{number}]") for number, word in enumerate(words))
    shares = [stage.share for stage in stages if stage.share]
    if shares != sorted(set(shares)):
        raise FieldError("stages", shown(text), "percentages that grow: each stage adds to those before it")
    return stages


def span_of(text: str, path: str, *, most: int = LONGEST_SOAK) -> int:
    """Seconds that are written as `90m` or `24h`. Raises FieldError."""
    found = _SPAN.match(text)
    seconds = int(found[1]) * _UNITS[found[2]] if found else -1
    if not 0 <= seconds <= most:
        raise FieldError(path, shown(text), f"a time such as 90m, 24h or 2d, at most {span_in_words(most)}")
    return seconds


def span_in_words(seconds: float) -> str:
    """The same, written in the greatest unit that holds it whole."""
    whole = round(seconds)
    unit = next((unit for unit in "dhm" if whole and whole % _UNITS[unit] == 0), "s")
    return f"{whole // _UNITS[unit]}{unit}"


def soak_of(stage: Stage) -> timedelta:
    """How long it is watched."""
    return timedelta(seconds=stage.soak)


def _parse(word: str, path: str) -> Stage:
    whom, slash, soak = word.partition("/")
    share = 0
    groups: list[str] = []
    tags: list[str] = []
    for part in whom.split("+"):
        kind, colon, name = part.partition(":")
        if percent := _PERCENT.match(part):
            share = int(percent[1]) * 100 + int((percent[2] or "").ljust(2, "0"))
        elif colon and kind in {"group", "tag"} and NAME.match(name):
            (groups if kind == "group" else tags).append(name)
        else:
            raise FieldError(path, shown(word), _ALLOWED)
    if not (share or groups or tags) or share > BUCKETS or len(groups) + len(tags) > MOST_NAMES:
        raise FieldError(path, shown(word), f"{_ALLOWED}; percentages up to 100%")
    seconds = span_of(soak, f"{path}, behind the slash") if slash else 0
    return Stage(share, tuple(dict.fromkeys(groups)), tuple(dict.fromkeys(tags)), seconds)
