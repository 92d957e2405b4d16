"""`pi-auto-client replay FILE`: what is in a recording, as JSON lines, by the very decoder that capture uses."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from pi_auto.client.capture.codes import Code, Outcome
from pi_auto.client.capture.decoder import Decoder
from pi_auto.client.capture.errors import RecordingError
from pi_auto.client.capture.evemu import read_recording


def replay(path: Path, out: TextIO) -> int:
    """Print an object for each code (`type` "scan", `text`) or loss (`type` "scan_lost", `reason`); the exit code.

    `seconds` is the time of it in the recording. A recording that is cut off or malformed gives
    what was whole before, a sentence on stderr, and 2.
    """
    decoder = Decoder()
    try:
        for event in read_recording(path):
            _print(decoder.feed(event), out)
        _print(decoder.finish(), out)
    except RecordingError as error:
        out.flush()
        print(f"pi-auto-client replay: {error}", file=sys.stderr)
        return 2
    return 0


def _print(outcomes: Iterable[Outcome], out: TextIO) -> None:
    for outcome in outcomes:
        told = (
            {"type": "scan", "text": outcome.text}
            if isinstance(outcome, Code)
            else {"type": "scan_lost", "text": None, "reason": outcome.reason}
        )
        print(json.dumps({**told, "seconds": outcome.time / 1e9}), file=out)
