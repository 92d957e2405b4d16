"""The fetcher as the agent sees it: a process that tells its news by a pipe, ended when it takes too long."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO

from pi_auto.client import itself
from pi_auto.client.agent.update.job import FAILED, LATER, MOST_LINE, READY, VERIFIED, Job, News, news_of
from pi_auto.client.agent.update.trust import running_release

log = logging.getLogger("pi_auto.update")

LONGEST = 3600.0  # seconds; what has come by then stays, and the next round goes on
_MOST_LINES = 1000


def command() -> list[str]:
    """How the fetcher is started: of a release, with nothing from outside of it.

    Debian's cryptography may be older than python-tuf's half knows; in pure Python a signature takes some 0.1 s.
    """
    home = running_release()
    if (home / "__main__.py").is_file():
        return [sys.executable, "-IS", str(home), "update-fetch"]
    return [*itself.command(), "update-fetch"]


def fetch(
    job: Job, told: Callable[[News], None], words: Sequence[str] | None = None, longest: float = LONGEST
) -> News:
    """Have a job done; the last news of it. `told` hears all others. Raises OSError if none can be started."""
    import subprocess  # noqa: PLC0415 - an agent seldom needs it, and it takes memory for good

    child = subprocess.Popen(
        list(words or command()), stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
    )
    ending = threading.Timer(longest, lambda: _end(child.pid))
    ending.daemon = True
    ending.start()
    with child:
        try:
            if child.stdin:
                with suppress(BrokenPipeError):
                    child.stdin.write(job.to_line())
                    child.stdin.flush()
            last = _listen(child.stdout, told) if child.stdout else None
        finally:
            ending.cancel()
            _end(child.pid)
    if last and (last.step in (READY, FAILED) or (last.step == VERIFIED and not job.offer)):
        return last
    return News(FAILED, kind=LATER, reason=f"the fetcher has ended with {child.returncode}")


def _listen(pipe: IO[bytes], told: Callable[[News], None]) -> News | None:
    last = None
    for _ in range(_MOST_LINES):
        line = pipe.readline(MOST_LINE)
        if not line:
            break
        if news := news_of(line):
            last = news
            told(news)
    return last


def _end(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
