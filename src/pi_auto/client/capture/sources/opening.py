"""Opens the way to a scanner, whatever kind it is of: in one place, for scanners that were found or named."""

from __future__ import annotations

import os
from collections.abc import Callable, Container
from pathlib import Path

from pi_auto.client.capture.errors import CaptureRefused
from pi_auto.client.capture.finding.census import Way, is_symbol_serial, reports_of
from pi_auto.client.capture.finding.nodes import Kind, Node, node_at
from pi_auto.client.capture.finding.units import text
from pi_auto.client.capture.keeping import Keeping
from pi_auto.client.capture.sources.keyboard import KeyboardSource
from pi_auto.client.capture.sources.source import Source
from pi_auto.client.capture.tuning import PLAIN, Tuning
from pi_auto.wire.scan import Scanner

Tune = Callable[[str], Tuning]
_TERMINALS = range(136, 144)  # majors of pseudo-terminals, which /sys does not know


def open_way(
    way: Way, keeping: Keeping | None = None, known: Container[str] | None = None, tune: Tune = lambda _: PLAIN
) -> Source:
    """A scanner that was found. `known` and `tune`: see KeyboardSource.

    Raises OSError if a retry may help, CaptureRefused if it can never be a scanner.
    """
    node = way.node
    if node.kind is Kind.KEYBOARD:
        return KeyboardSource(node.path, way.scanner, keeping, known, tune)
    if node.kind is Kind.SERIAL:
        return _open_line(node.path, way.scanner, keeping)
    return _open_reports(node, way.scanner, keeping)


def open_named(path: Path, keeping: Keeping | None = None, tune: Tune = lambda _: PLAIN) -> Source:
    """The device that a person has named, whatever it calls itself. Raises what `open_way` raises."""
    node = node_at(path)
    if node:
        return open_way(Way(node, node.unit.scanner()), keeping, tune=tune)
    if os.major(path.stat().st_rdev) in _TERMINALS:
        return _open_line(path, Scanner(text(f"line:{path.name}"), "serial line", text(path)), keeping)
    return KeyboardSource(path, None, keeping, tune=tune)


def _open_line(path: Path, scanner: Scanner, keeping: Keeping | None) -> Source:
    from pi_auto.client.capture.serial.tty import open_line  # noqa: PLC0415 - loaded when there is such a scanner
    from pi_auto.client.capture.sources.line import LineSource  # noqa: PLC0415 - the same

    descriptor, is_kept = _descriptor_of(path, open_line, keeping)
    source = LineSource(path, scanner, descriptor, is_kept=is_kept)
    source.keep(keeping)
    return source


def _open_reports(node: Node, scanner: Scanner, keeping: Keeping | None) -> Source:
    from pi_auto.client.capture.hid.hidraw import open_hidraw  # noqa: PLC0415 - loaded when there is such a scanner
    from pi_auto.client.capture.sources.hid import PosSource, SymbolSource  # noqa: PLC0415 - the same

    reports = None if is_symbol_serial(node) else reports_of(node)
    if reports is None and not is_symbol_serial(node):
        raise CaptureRefused(
            f"{node.path} is a raw HID device from which no codes come, by its own report descriptor; "
            "allowed: a HID POS scanner"
        )
    descriptor, is_kept = _descriptor_of(node.path, open_hidraw, keeping)
    source = (
        PosSource(node.path, scanner, descriptor, reports, is_kept=is_kept)
        if reports
        else SymbolSource(node.path, scanner, descriptor, is_kept=is_kept)
    )
    source.keep(keeping)
    return source


def _descriptor_of(path: Path, opened: Callable[[Path], int], keeping: Keeping | None) -> tuple[int, bool]:
    """The descriptor that systemd has kept, or else a new one; and whether it was kept."""
    kept = keeping.take(path) if keeping else None
    return (opened(path), False) if kept is None else (kept, True)
