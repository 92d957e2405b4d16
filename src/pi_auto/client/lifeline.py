"""Ends a process when the one that started it is gone, however it went.

The parent holds the other end of the child's standard input and never writes. Its death,
even by SIGKILL, closes that end; nothing else needs to work for the child to notice.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress

_PATIENCE = 5.0  # seconds for a clean stop


def hold() -> None:
    """Stop this process when its standard input ends: SIGTERM, and by force if that did not help."""
    threading.Thread(target=_watch, name="lifeline", daemon=True).start()


def _watch() -> None:
    with suppress(OSError):  # a terminal that has gone
        while sys.stdin and os.read(sys.stdin.fileno(), 1024):
            pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(_PATIENCE)
    os._exit(1)
