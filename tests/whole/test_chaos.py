"""The first promise while everything goes wrong at once, by a plan that its seed repeats."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

from pi_auto.files import write_whole
from support.chaos.house import ChaosHouse
from support.chaos.run import Chaos, Figures

SECONDS = float(os.environ.get("PI_AUTO_CHAOS_SECONDS", "20"))  # of faults; script/test-long has them for 1800
REPORT = os.environ.get("PI_AUTO_CHAOS_REPORT")


def test_every_stored_scan_is_booked_once_whatever_strikes(tmp_path: Path) -> None:
    seed = int(os.environ.get("PI_AUTO_SEED", random.SystemRandom().randrange(10**6)))
    print(f"seed {seed}: repeat with PI_AUTO_SEED={seed}")
    with ChaosHouse(tmp_path) as house:
        chaos = Chaos(house, seed)
        try:
            figures = chaos.run(SECONDS)
        finally:
            report(chaos.figures)
        assert figures.complaints == []
        assert figures.stored > figures.typed / 10, "capture was there at times"


def report(figures: Figures) -> None:
    """Say what happened, to people and to script/test-long."""
    told = json.dumps(figures.to_json())
    print(told)
    if REPORT:
        write_whole(Path(REPORT), told)
