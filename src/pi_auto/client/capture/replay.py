"""`pi-auto-client replay FILE`: what is in a recording, as JSON lines, by the very decoder that capture uses."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from pi_auto.client.capture.codes import Code, Lost, Outcome
from pi_auto.client.capture.decoder import Decoder
from pi_auto.client.capture.errors import RecordingError
from pi_auto.client.capture.evemu import read_recording
from pi_auto.client.capture.keys.layout import UnknownLayout, load


def replay(path: Path, out: TextIO, layout: str = "us") -> int:
    """Print an object for each code (`type` "scan", `text`) or loss (`type` "scan_lost", `reason`); the exit code.

    `seconds` is the time of it in the recording; `raw` the bytes in hex, where they are not those of the text.
    An unknown layout, and a recording that is cut off or malformed, give a sentence on stderr and 2; what was
    whole before that is printed.
    """
    try:
        decoder = Decoder(load(layout))
        for event in read_recording(path):
            _print(decoder.feed(event), out)
        _print(decoder.finish(), out)
    except (RecordingError, UnknownLayout) as error:
        out.flush()
        print(f"pi-auto-client replay: {error}", file=sys.stderr)
        return 2
    return 0


def _print(outcomes: Iterable[Outcome], out: TextIO) -> None:
    for outcome in outcomes:
        print(json.dumps({**_told(outcome), "seconds": outcome.time / 1e9}), file=out)


def _told(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Code):
        raw = {} if outcome.text.encode() == outcome.raw else {"raw": outcome.raw.hex()}
        return {"type": "scan", "text": outcome.text, **raw}
    if isinstance(outcome, Lost):
        return {"type": "scan_lost", "text": None, "reason": outcome.reason}
    return {"type": "calibration", "text": None, "layout": outcome.layout}
