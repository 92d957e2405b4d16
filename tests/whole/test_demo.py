"""The README's first command, as a person would run it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from pi_auto.simulator.codes import CODES
from pi_auto.wire.escape import printable
from support.waiting import wait_until


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


def test_what_is_scanned_is_shown_under_a_heading_until_ctrl_c_on_any_terminal(tmp_path: Path) -> None:
    # Whoever runs the tests in the background has SIGINT ignored, which programs inherit.
    command = ["env", "--default-signal=INT", sys.executable, "-m", "pi_auto.simulator.cli", "demo"]
    command += ["--http", "127.0.0.1:0", "--https", "127.0.0.1:0"]
    old = os.environ | {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    log = tmp_path / "shown"
    with log.open("w") as shown:
        running = subprocess.Popen([*command, "--data", str(tmp_path)], stdout=shown, stderr=shown, env=old)
    try:
        wait_until(lambda: CODES[0] in log.read_text("latin-1"), 60, "the first code is shown")
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 0
    finally:
        running.kill()
        running.wait()
    lines = log.read_text("latin-1").splitlines()
    heading = next(n for n, line in enumerate(lines) if line.split()[:4] == ["code", "stored", "API", "hub"])
    assert lines[heading + 1].startswith(CODES[0])
    assert f"pi-auto-server operator link --data {tmp_path}/server" in "\n".join(lines)
