"""Looks at the services: systemd's view of them, and the bulletins in which they tell of themselves.

Bulletins lie in folders of their writers. They are read as what others may have planted, and a
lie in one decides about the trial and about nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pi_auto.client.appliance.errors import SetupFailed
from pi_auto.client.bulletin import FILE, MOST, Post, posts_of
from pi_auto.client.planted import Unsafe, read_planted
from pi_auto.client.switcher.judging import Facts
from pi_auto.client.switcher.services import AGENT, AGENT_UNIT, CAPTURE_UNIT, python
from pi_auto.client.switcher.site import Site

_OPEN = ("scanner", "unjudged")  # how capture calls a device that is open
_PATIENCE = 30.0  # seconds
_LOG = "spool.sqlite-wal"


T = TypeVar("T")


def look(site: Site, units: Collection[str], *, read: bool = True) -> Facts:
    """What is seen now of those services; `read` says whether the queue could be, which is costly to find out."""
    capture, agent = _posts(site, "capture"), _posts(site, "agent")
    scanners = _news(capture, "scanners", list)
    return Facts(
        services={unit: site.services.standing(unit) for unit in units},
        opened=sum(1 for one in scanners if isinstance(one, dict) and one.get("standing") in _OPEN),
        troubles=tuple(str(said) for said in _news(capture, "troubles", dict).values()),
        stored=_ok(capture, "storing") if CAPTURE_UNIT in units else True,
        read=(read if agent else None) if AGENT_UNIT in units else True,
        reached=bool(_ok(agent, "server") or _ok(agent, "hub")),
        said=str(_news(agent, "server", dict).get("said", ""))[:200],
    )


def reads_queue(site: Site) -> bool:
    """Whether the release that runs can read the queue: asked how much waits in it, as the agent's user."""
    command = python(site.opt / "current/app", "status", "--json")
    try:
        told = json.loads(site.services.run_as(AGENT, command, _PATIENCE))
        return told["undelivered"] is not None
    except (SetupFailed, ValueError, KeyError, TypeError, RecursionError):
        return False


def newest_stored(site: Site) -> tuple[int, int]:
    """Changes with each scan that is stored: of the queue's log only size and time are looked at."""
    with suppress(OSError):
        folder = os.open(site.state / "capture", os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            found = os.stat(_LOG, dir_fd=folder, follow_symlinks=False)
        finally:
            os.close(folder)
        return found.st_mtime_ns, found.st_size
    return 0, 0


@dataclass(frozen=True, slots=True)
class Vain:
    """How often the capture that runs has tried in vain to hand over, why, and whether its successor failed."""

    tries: int = 0
    said: str = ""
    is_fault: bool = False


def handed_over_in_vain(site: Site) -> Vain:
    """What capture tells of it."""
    news = _news(_posts(site, "capture"), "succession", dict)
    tries = news.get("tries")
    if not isinstance(tries, int):
        return Vain()
    return Vain(tries, str(news.get("said", ""))[:200], news.get("fault") is True)


def capture_runs_from(site: Site) -> Path | None:
    """The folder of the release that capture says it was started from; None if it tells none that is there."""
    name = _news(_posts(site, "capture"), "release", str)
    if not name or name != Path(name).name or name == "..":
        return None
    folder = site.opt / "releases" / name
    return folder if folder.is_dir() and not folder.is_symlink() else None


def _posts(site: Site, program: str) -> Mapping[str, Post]:
    try:
        octets = read_planted(site.state / program, FILE, MOST)
    except (Unsafe, OSError):
        return {}
    return posts_of(octets) if octets else {}


def _ok(posts: Mapping[str, Post], topic: str) -> bool | None:
    return _news(posts, topic, dict).get("ok") is True if topic in posts else None


def _news(posts: Mapping[str, Post], topic: str, kind: type[T]) -> T:
    news = posts[topic].news if topic in posts else None
    return news if isinstance(news, kind) else kind()
