"""What a running program tells the others of this device about itself: a small file of topics.

Capture posts which scanners are open, the agent how server, hub and updates stand; `status`,
`doctor` and the heartbeat read it. It is worth something only while its program runs: it is
taken down at a clean end, and nothing is believed of a process that is gone or of another
boot. So it need not be durable, and a disk that takes none of it stops nobody.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pi_auto.client.clock import boot_id, boottime_ns
from pi_auto.client.planted import read_of_another
from pi_auto.files import write_whole
from pi_auto.frozen import frozen
from pi_auto.typed import Any

FILE = "bulletin.json"
MOST = 256 * 1024  # bytes
# Of what capture reads: while Python takes JSON apart no other thread runs, and the kernel keeps but a few keys.
MOST_FOR_CAPTURE = 64 * 1024


@frozen
class Post:
    """The latest `news` of one topic, and since when it is so (UTC by this device's clock)."""

    since: datetime
    news: Any


class Bulletin:
    """One program's own, in `folder`; for all its threads."""

    def __init__(self, folder: Path, *, is_up: bool = True) -> None:
        """`is_up` False: nothing is told before `put_up`."""
        self._is_up = is_up
        self._file = folder / FILE
        self._boot = boot_id()
        self._lock = threading.Lock()
        self._posts: dict[str, dict[str, Any]] = {}
        self._is_down = False

    def post(self, topic: str, news: Any) -> None:
        """Tell `news`, any JSON value; what has been told already is not written again.

        Of news that say whether something is `ok` it is told since when it is, whatever else they say.
        """
        with self._lock:
            told = self._posts.get(topic)
            if self._is_down or (told and told["news"] == news):
                return
            # Not the wall clock, which is set some time after boot.
            since = told["since"] if told and _is_as_ok(told["news"], news) else boottime_ns()
            self._posts[topic] = {"since": since, "news": news}
            if self._is_up:
                self._write()

    def put_up(self) -> None:
        """Tell from now on, and all that was posted before, in the place of whatever another process has told."""
        with self._lock:
            self._is_up = True
            self._write()

    def is_ok(self, topic: str) -> bool:
        """Whether what was posted last of a topic says that it is."""
        told = self._posts.get(topic)
        return bool(told and told["news"].get("ok"))

    def take_down(self) -> None:
        """The program is about to end; what its threads still post is not told."""
        with self._lock, suppress(OSError):
            self._is_down = True
            self._file.unlink(missing_ok=True)

    def _write(self) -> None:
        content = json.dumps({"boot": self._boot, "pid": os.getpid(), "posts": self._posts})
        try:
            write_whole(self._file, content, mode=0o640, durable=False)
        except OSError:
            with suppress(OSError):
                self._overwrite(content)

    def _overwrite(self, content: str) -> None:
        """A full disk still has the room of what was told before; it is better empty than stale."""
        with self._file.open("r+b", buffering=0) as file:
            room = os.fstat(file.fileno()).st_size
            file.write((content if len(content) <= room else "").ljust(room).encode())


def posts_in(folder: Path, most: int = MOST) -> Mapping[str, Post]:
    """What the program that works in `folder` tells, by topic; nothing if none does now, or in more than `most`.

    Whoever works there may be hostile: what it has put there keeps nobody waiting, and makes nobody fail.
    Raises PermissionError if that is not for this user.
    """
    try:
        octets = read_of_another(folder / FILE, most)
    except PermissionError:
        raise
    except OSError:
        return {}
    return posts_of(octets) if octets else {}


def posts_of(octets: bytes) -> Mapping[str, Post]:
    """What a bulletin that holds these bytes tells; nothing if its program does not run now."""
    try:
        told = json.loads(octets)
        if told["boot"] != boot_id() or not _runs(told["pid"]):
            return {}
        now, boottime = datetime.now(UTC), boottime_ns()
        return {
            topic: Post(now - timedelta(microseconds=(boottime - post["since"]) // 1000), post["news"])
            for topic, post in told["posts"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return {}


def _is_as_ok(news: Any, other: Any) -> bool:
    return isinstance(news, dict) and isinstance(other, dict) and "ok" in news and news["ok"] == other.get("ok")


def _runs(pid: int) -> bool:
    """Whether there is such a process; one of another user can be asked for as well, and not be signalled."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except ProcessLookupError:
        return False
    return True
