"""Where the log lines of a service go besides the journal, and as JSON for those who ask for it.

The file is systemd's to make and logrotate's to cut (copytruncate): a sandboxed service can only
append to it. The journal has every line; a file that cannot be written stops nobody.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

from pi_auto.logs import Formatter, OneLine
from pi_auto.typed import TextIO

TEXT, JSON = "text", "json"
FORMATS = (TEXT, JSON)


class JsonLine(Formatter):
    """Formats a record as one JSON object, in ASCII: time, level, logger, message."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line; a traceback is part of the message."""
        message = record.getMessage()
        if record.exc_info:
            message = f"{message}\n{self.formatException(record.exc_info)}"
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        said = {"time": time, "level": record.levelname, "logger": record.name, "message": message}
        return json.dumps(said)


class _AppendedFile(logging.StreamHandler[TextIO]):
    """Appends whole lines. On a full disk they are missing here, and the journal still has them."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say nothing: what was to be said went to the journal as well."""


def start_logbook(file: Path | None, form: str) -> None:
    """Add `file` to where everything is logged to, and log in `form`. After start_logging."""
    if file:
        _add(logging.getLogger(), file)
    use_format(form)


def use_format(form: str) -> None:
    """Log in `form`, one of FORMATS, from now on."""
    for handler in logging.getLogger().handlers:
        handler.setFormatter(JsonLine() if form == JSON else OneLine())


def _add(root: logging.Logger, file: Path) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o640)
    except OSError as error:
        logging.getLogger("pi_auto.logbook").warning("%s gets no log lines: %s", file, error.strerror)
        return
    stream = open(descriptor, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115, PTH123 - for good, by descriptor
    root.addHandler(_AppendedFile(stream))
