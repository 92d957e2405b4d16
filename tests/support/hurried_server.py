"""The real server, which looks after its roll-outs often, so that a roll-out of days takes seconds.

Its clock is as many seconds ahead as the file says that PI_AUTO_TEST_AHEAD names.
It is the main module of the server's worker as well, which is started anew and reads it again.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from pi_auto.files import write_whole
from pi_auto.server import worker
from pi_auto.server.cli import main
from pi_auto.server.context import Context, now_utc, open_context
from pi_auto.server.enrolment import tokens
from pi_auto.server.rollouts import leading

_AHEAD = Path(os.environ["PI_AUTO_TEST_AHEAD"])


def _now() -> datetime:
    return now_utc() + timedelta(seconds=int(_AHEAD.read_text() or 0))


def _look(context: Context) -> None:
    """One look, and a note for the test of how far ahead it was."""
    ahead = _AHEAD.read_text()
    look(context)
    write_whole(_AHEAD.with_suffix(".looked"), ahead)


tokens.LASTS = timedelta(days=7)  # devices renew theirs: those of a test need not
look = leading.look
leading.LOOKS_EVERY, leading.look = 0.05, _look
worker.open_context = partial(open_context, clock=_now)  # type: ignore[attr-defined,unused-ignore]

if __name__ == "__main__":
    sys.exit(main())
