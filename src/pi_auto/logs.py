"""One line an event, whatever the event holds: what every program of this house logs with.

Text from outside reaches a log through `%s`; the formatter escapes the finished line, so
that no barcode and no host name can forge a second one or drive the terminal it is read on.
"""

from __future__ import annotations

import io
import logging
import os
import stat
import sys
from pathlib import Path

from pi_auto.typed import Any, TextIO
from pi_auto.wire.escape import printable


class Formatter(logging.Formatter):
    """One that tells of an error even where its traceback cannot be put together."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """The traceback. What makes it may be loaded only now (client/sparing.py), from a disk that is failing."""
        try:
            return super().formatException(ei)
        except (ImportError, OSError) as error:
            return f"{ei[0].__name__}: {ei[1]} (no traceback: {error})"


class OneLine(Formatter):
    """Formats a record as `time level logger: message`, control characters escaped."""

    default_msec_format = "%s.%03d"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line; a traceback is folded into it."""
        return printable(super().format(record))


def start_logging(level: str = "INFO", stream: TextIO = sys.stderr) -> None:
    """Send everything from `level` up to `stream`, which systemd passes to the journal."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneLine())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def have_stdout() -> None:
    """Have somewhere to print where standard output was closed (`COMMAND >&-`): Python then has nothing there.

    What the terminal's encoding has no letters for (a locale of ISO 8859-1, say) is printed escaped, as on stderr.
    """
    if not sys.stdout:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - for as long as the program runs
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def stdout_fails() -> bool:
    """Whether standard output is what cannot be written, its disk full; then nothing is flushed at exit either."""
    try:
        if sys.stdout.isatty() or stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode):  # neither has a disk
            return False
        print(flush=True)  # the buffer may have lost what it could not write
    except io.UnsupportedOperation:  # no file at all is behind it
        return False
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False
