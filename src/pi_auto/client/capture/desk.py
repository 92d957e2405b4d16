"""One scanner's desk: what all its nodes bring to light comes here, and becomes drafts once.

A scanner that has a keyboard and another way to speak uses one of them. Should one send the same code by
both at the same moment, that is one scan; the same code twice by one way is two.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path

from pi_auto.client.capture.codes import Code, Outcome
from pi_auto.client.capture.drafting import Drafter
from pi_auto.client.clock import boottime_ns
from pi_auto.client.spool.drafts import Draft
from pi_auto.typed import Any

_ECHO = 1_000_000_000  # ns between the ends of both
_TYPING = 20_000_000  # ns a character, by which a keyboard may be later
_MOST_RECENT = 16


class Desk:
    """Drafts for one scanner; for the reader alone."""

    def __init__(self, drafter: Drafter) -> None:
        self._drafter = drafter
        self._recent: deque[tuple[Code, set[Path]]] = deque(maxlen=_MOST_RECENT)

    def take(self, outcome: Outcome, node: Path) -> Draft | None:
        """The draft of what has come by a node; None if it came by another one already."""
        if isinstance(outcome, Code) and self._is_echo(outcome, node):
            return None
        return self._drafter.draft(outcome)

    def memory(self) -> dict[str, Any]:
        """What may be echoed or repeated still."""
        since = boottime_ns() - _ECHO
        echoes = [
            [code.text, code.time, sorted(map(str, nodes))]
            for code, nodes in self._recent
            if code.time + _TYPING * len(code.text) >= since
        ]
        return {"echoes": echoes, "repeats": self._drafter.memory()}

    def recall(self, memory: dict[str, Any]) -> None:
        """Go on from there."""
        echoes = (
            (Code(text, b"", time), {Path(node) for node in nodes}) for text, time, nodes in memory["echoes"]
        )
        self._recent.extend(echoes)
        self._drafter.recall(memory["repeats"])

    def _is_echo(self, code: Code, node: Path) -> bool:
        for earlier, nodes in self._recent:
            apart = abs(code.time - earlier.time)
            if node not in nodes and earlier.text == code.text and apart <= _ECHO + _TYPING * len(code.text):
                nodes.add(node)
                return True
        self._recent.append((code, {node}))
        return False
