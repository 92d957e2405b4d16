"""What it costs that the capture of the next release takes over: for how long nobody reads, and codes lost.

A real capture process reads a FIFO into which codes are typed without an end, 2 ms a character, and hands over
again and again to one more. The aims: no code lost, none twice, none in another place.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support.successions import Succession, Typist, wait_until  # noqa: E402 - found by the line above

WINDOW = 32.0  # ms: what the kernel has room for, 64 events at 2 ms a character of four events


def run(times: int) -> int:
    """Hand over so often; 0 if the aims are met."""
    with tempfile.TemporaryDirectory() as name:
        house = Succession(Path(name))
        try:
            gaps, typed = _handed_over(house, times)
            wait_until(lambda: len(house.stored) + len(house.lost) >= len(typed), "all is stored")
            stored = house.stored
        finally:
            house.close()
    lost = len([code for code in typed if code not in stored])
    exact = stored == typed
    print(f"capture taken over {times:>10} times, while {len(typed)} codes were typed")
    print(f"nobody reads for   {sorted(gaps)[len(gaps) // 2]:>10.2f} ms in the middle, {max(gaps):.2f} ms at most")
    print(f"                   (the kernel keeps what is typed within {WINDOW:g} ms by the fastest scanner)")
    print(
        f"codes lost         {lost:>10} (aim: 0); {'each once, in order' if exact else 'NOT each once, in order'}"
    )
    return 0 if exact else 1


def _handed_over(house: Succession, times: int) -> tuple[list[float], list[str]]:
    gaps = []
    with Typist(house.fifo.send) as typist:
        for _ in range(times):
            told = house.hand_over()
            if not told["ok"]:
                raise SystemExit(f"bench: capture was not taken over: {told['said']}")
            gaps.append(told["gap_ms"])
    return gaps, typist.typed
