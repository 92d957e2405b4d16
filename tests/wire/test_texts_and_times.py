"""Escaping for logs and terminals, and moments as the wire writes them."""

from __future__ import annotations

import io
import logging
from datetime import UTC, datetime

import pytest

from pi_auto.logs import start_logging
from pi_auto.wire.escape import printable
from pi_auto.wire.times import format_time, parse_time


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("4006381333931", "4006381333931"),
        ("é€漢😀", "é€漢😀"),
        ("two\nlines\r\t", "two\\nlines\\r\\t"),
        ("\x1b[31mred\x07\x9b", "\\x1b[31mred\\x07\\x9b"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("a\\nb", "a\\\\nb"),
        ("\U000e0041", "\\U000e0041"),
        ("a\u2028b\0", "a\\u2028b\\x00"),
    ],
)
def test_what_commands_a_terminal_is_shown_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_barcode_cannot_forge_a_log_line() -> None:
    stream = io.StringIO()
    start_logging(stream=stream)
    logging.getLogger("t").info("barcode %s", "1\n2026-01-01 INFO forged \x1b[2J")
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T17:33:00.123Z", datetime(2026, 11, 23, 17, 33, 0, 123000, tzinfo=UTC)),
        ("2026-11-23T18:33:00+01:00", datetime(2026, 11, 23, 17, 33, tzinfo=UTC)),
        ("2026-11-23T17:33:00.123456", datetime(2026, 11, 23, 17, 33, 0, 123456, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("now", None),
        ("9" * 1000, None),
    ],
)
def test_a_moment_is_read_as_utc_or_not_at_all(text: str, moment: datetime | None) -> None:
    assert parse_time(text) == moment


def test_a_moment_is_written_with_milliseconds() -> None:
    assert format_time(datetime(2026, 1, 2, 3, 4, 5, 6789, tzinfo=UTC)) == "2026-01-02T03:04:05.006Z"
