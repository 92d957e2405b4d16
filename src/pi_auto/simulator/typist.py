"""Turn text into the key events that a US-layout scanner sends for it. Other scanners: wedge.py.

Text goes in, reports come out: a report is what the scanner sends at once, a list of
(type, code, value) that ends with SYN_REPORT. No clock and no device here.
"""

from __future__ import annotations

from collections.abc import Iterator

from pi_auto.client.capture.events import KEY_ENTER
from pi_auto.client.capture.keys.layout import US
from pi_auto.simulator.wedge import Report, Wedge

_TYPED = frozenset("".join(US.levels[0] + US.levels[1]))


def untypeable(text: str) -> str:
    """The characters of a text that no key of the US layout makes."""
    return "".join(char for char in text if char not in _TYPED)


def reports_for(text: str, *, suffix: int | None = KEY_ENTER) -> Iterator[Report]:
    """The reports of a whole code: two for each character, Shift where it is needed, then the suffix key."""
    yield from Wedge(suffix=() if suffix is None else (suffix,)).reports(text)
