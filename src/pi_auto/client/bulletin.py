"""What a running program tells the others of this device about itself: a small file of topics.

Capture posts which scanners are open, the agent how server, hub and updates stand; `status`,
`doctor` and the heartbeat read it. It is worth something only while its program runs: it is
taken down at a clean end, and after a power cut it is known to be of another boot. So nothing
of it needs to be durable, and a disk that takes none of it stops nobody.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pi_auto.client.clock import boot_id
from pi_auto.files import write_whole
from pi_auto.wire.times import format_time, parse_time

FILE = "bulletin.json"
_MOST = 256 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Post:
    """The latest `news` of one topic, and since when it is so (UTC by this device's clock)."""

    since: datetime
    news: Any


class Bulletin:
    """One program's own, in `folder`; for all its threads."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._boot = boot_id()
        self._lock = threading.Lock()
        self._posts: dict[str, Post] = {}

    def post(self, topic: str, news: Any) -> None:
        """Tell `news`, any JSON value; what has been told already is not written again."""
        with self._lock:
            told = self._posts.get(topic)
            if told and told.news == news:
                return
            self._posts[topic] = Post(datetime.now(UTC), news)
            self._write()

    def take_down(self) -> None:
        """The program is about to end."""
        with self._lock, suppress(OSError):
            self._file.unlink(missing_ok=True)

    def _write(self) -> None:
        posts = {
            topic: {"since": format_time(post.since), "news": post.news} for topic, post in self._posts.items()
        }
        with suppress(OSError):
            content = json.dumps({"boot": self._boot, "posts": posts})
            write_whole(self._file, content, mode=0o640, durable=False)


def posts_in(folder: Path) -> Mapping[str, Post]:
    """What the program that works in `folder` tells, by topic; nothing if it does not run, or told another boot.

    Raises PermissionError if that is not for this user.
    """
    try:
        with (folder / FILE).open("rb") as opened:
            told = json.loads(opened.read(_MOST))
        if told["boot"] != boot_id():
            return {}
        return {topic: _post(told) for topic, told in told["posts"].items()}
    except PermissionError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _post(told: dict[str, Any]) -> Post:
    since = parse_time(told["since"])
    if since is None:
        raise ValueError(told["since"])
    return Post(since, told["news"])
