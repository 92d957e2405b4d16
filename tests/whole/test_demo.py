"""The README's first command, as a person would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pi_auto.simulator.codes import CODES
from pi_auto.wire.escape import printable


def test_ten_codes_of_a_virtual_pi_are_stored_and_booked_by_both_ways(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pi_auto.simulator.cli", "demo", "--once", "--http", "127.0.0.1:0"]
    command += ["--https", "127.0.0.1:0"]
    done = subprocess.run(
        [*command, "--data", str(tmp_path)], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout
    assert "/login?link=link_" in done.stdout
    assert "All 10 scans are stored and booked once, by the API and by the hub." in done.stdout
    assert all(printable(code) in done.stdout for code in CODES)
