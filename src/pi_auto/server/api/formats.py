"""Scans as JSON, JSON lines or CSV, piece by piece: an export of any size takes the memory of one page. Pure.

A barcode may hold line feeds, escape sequences or a spreadsheet's formula. JSON escapes by
its nature; in CSV invisible characters are spelled out, and what a spreadsheet would run is
quoted. Digits stay as they were read: a leading zero belongs to the number.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from pi_auto.server.api.answers import to_json
from pi_auto.server.scans.rows import scan_json
from pi_auto.wire.escape import printable

Pages = Iterable[Sequence[Row[Any]]]

CSV_COLUMNS = (
    "device_id", "uuid", "spool", "number", "text", "quantity", "aim", "symbology", "gtin", "check_digit_ok",
    "repeat_of", "scanner_id", "scanner_name", "scanner_port", "scanned_at", "wall_time", "synced",
    "corrected_time", "time_error_ms", "received_at", "api_at", "hub_at", "flagged", "cloned", "legacy",
)  # fmt: skip
# The wide forms of these signs begin a formula where Japanese or Chinese is written.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# Spreadsheets of half of Europe part a line at `;`, whatever quotes stand around it; quotes may begin the cell.
_FORMULA_LATER = re.compile(r';(?=["\s]*[=+@\uff1d\uff0b\uff0d\uff20-])')


@dataclass(frozen=True, slots=True)
class Format:
    """A way of writing scans down; `bounded` ones are read whole by their callers."""

    mimetype: str
    write: Callable[[Pages], Iterator[str]]
    bounded: bool = False


def as_json(pages: Pages) -> Iterator[str]:
    """One object with the list `scans` and their `count`."""
    count = 0
    yield '{"scans":['
    for page in pages:
        yield ("," if count else "") + ",".join(to_json(scan_json(row)) for row in page)
        count += len(page)
    yield f'],"count":{count}}}\n'


def as_ndjson(pages: Pages) -> Iterator[str]:
    """One object a line."""
    for page in pages:
        yield "".join(to_json(scan_json(row)) + "\n" for row in page)


def as_csv(pages: Pages) -> Iterator[str]:
    """A line of names, then one line a scan (RFC 4180)."""
    yield _lines([CSV_COLUMNS])
    for page in pages:
        yield _lines([cell(value) for value in _flat(scan_json(row))] for row in page)


def cell(value: Any) -> str:
    """A value as it stands in a cell: visible characters only, and nothing a spreadsheet would run."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    quoted = "'" if value.startswith(_FORMULA) else ""
    return quoted + _FORMULA_LATER.sub(";'", printable(value))


FORMATS: Mapping[str, Format] = {
    "json": Format("application/json", as_json, bounded=True),
    "ndjson": Format("application/x-ndjson", as_ndjson),
    "csv": Format("text/csv", as_csv),
}


def _flat(scan: dict[str, Any]) -> list[Any]:
    scanner = scan.pop("scanner")
    values = scan | {f"scanner_{name}": value for name, value in scanner.items()}
    return [values[name] for name in CSV_COLUMNS]


def _lines(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()
