from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from fuzz.evidence import row
from fuzz.targets import TARGETS

TESTS = Path(__file__).parents[1]
BROKEN = """
 === Uncaught Python exception: ===
AssertionError: another | topic
Base64: YQ==
stat::number_of_executed_units: 12345
"""
DONE = """#9 NEW    cov: 24 ft: 38 corp: 10/380b lim: 200
#99\tDONE   cov: 25 ft: 38 corp: 11/390b lim: 200 exec/s: 9
Done 99 runs in 41 second(s)
stat::number_of_executed_units: 99
"""


def test_each_target_holds_for_what_it_begins_with() -> None:
    """In a process of its own: targets quieten logs, and keep a hub and a server until its end."""
    command = [sys.executable, "-W", "error", "-m", "fuzz.smoke"]
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-200:] + done.stderr[-3000:]
    assert done.stdout.split() == [target.name for target in TARGETS]


def test_no_two_targets_have_one_name() -> None:
    assert len({target.name for target in TARGETS}) == len(TARGETS)


def test_the_page_tells_what_was_tried_and_which_promise_was_broken() -> None:
    assert row("wire.topic", DONE) == "| wire.topic | 99 | 41 | 25 | 11 | none |"
    told = "AssertionError: another \\| topic (`YQ==` in base64)"
    assert row("wire.topic", BROKEN) == f"| wire.topic | 12,345 |  | 0 | 0 | {told} |"
    assert row("wire.topic", "killed") == "| wire.topic | 0 |  | 0 | 0 | it has not ended as it should |"
