"""Findings for a person: one line each, and below it what to do. Text from outside is escaped."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TextIO

from pi_auto.client.doctor.findings import SUDO, Finding, State
from pi_auto.wire.escape import printable

_COLOURS = {State.OK: "32", State.WARN: "33", State.WRONG: "31"}  # green, yellow, red
_PAD = 22  # columns before the sentences


def is_colourful(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether colours help: on a terminal that knows them, unless its owner wants none (no-color.org)."""
    return stream.isatty() and "NO_COLOR" not in environment and environment.get("TERM", "dumb") != "dumb"


def shown(finding: Finding, *, colour: bool) -> str:
    """A finding as lines. The word says what the colour says."""
    state = f"{finding.state:<7}"
    if colour:
        state = f"\x1b[{_COLOURS[finding.state]}m{state}\x1b[0m"
    line = f"{state}{finding.name:<{_PAD - 7}}{printable(finding.what)}"
    return f"{line}\n{'':<{_PAD}}do: {printable(finding.remedy)}" if finding.remedy else line


def summary(findings: Sequence[Finding]) -> str:
    """All of it in a sentence or two."""
    wrong = sum(1 for each in findings if each.state is State.WRONG)
    warned = sum(1 for each in findings if each.state is State.WARN)
    lines = [f"{_number(wrong)} wrong, {_number(warned)} to be looked at"]
    need_sudo = [each.name for each in findings if each.remedy == SUDO]
    if need_sudo:
        lines.append(f"These need more rights: {', '.join(need_sudo)}. {SUDO[0].upper()}{SUDO[1:]}")
    return "\n".join(lines)


def _number(count: int) -> str:
    return "nothing is" if count == 0 else "1 thing is" if count == 1 else f"{count} things are"
