"""`script/bench capture` where there is a kernel that types: on the virtual Pi, by the very code that people run.

The emulated processor makes its times worth nothing, and where it stalls the kernel drops keys: what counts is
that a code is exact or reported as lost, and that nothing wakes capture while nobody scans.
"""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

import pytest

from support.vm.appliance import AGENT, CAPTURE, Appliance
from support.vm.figures import Figures

pytestmark = pytest.mark.unhurried
ROOT = Path(__file__).parents[2]
_RUN = (
    "import sys; sys.dont_write_bytecode = True; sys.path[:0] = ['src', 'bench']; import capture; capture.run(100)"
)
_LOSS = re.compile(r"^ *(\d+) ms a character +(\d+) +(\d+) +(\d+) +(\d+)$", re.MULTILINE)


@pytest.fixture
def said(pi: Appliance, dist: Path, tmp_path: Path) -> str:
    """What the bench prints. The services are away meanwhile, or they would take its keyboard."""
    archive = tmp_path / "bench.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("src/pi_auto", "bench", "install"):
            tar.add(ROOT / name, name, filter=lambda each: None if "__pycache__" in each.name else each)
    pi.machine.copy_in(archive, dist / "pi_auto_client.py")
    pi.machine.run("mkdir -p bench && tar -xzf bench.tar.gz -C bench && sudo modprobe uinput")
    pi.machine.run(f"sudo systemctl stop {CAPTURE} {AGENT}")
    release = "PI_AUTO_BENCH_RELEASE=/home/pi/pi_auto_client.py"
    try:
        return pi.machine.run(f'cd bench && sudo {release} python3 -c "{_RUN}"', timeout=1500)
    finally:
        pi.machine.run(f"sudo systemctl start {CAPTURE} {AGENT}")
        pi.wait_for_services()


def test_what_a_kernel_keyboard_types_is_exact_or_reported_as_lost(said: str, figures: Figures) -> None:
    print(said)
    _, _, kernel = said.partition("kernel keyboard\n")
    found = {int(row[0]): [int(number) for number in row[1:]] for row in _LOSS.findall(kernel)}
    assert set(found) == {10, 4, 2, 1}
    for pace, (typed, exact, lost, damaged) in found.items():
        figures.add(f"codes lost of {typed} at {pace} ms a character", typed - exact, "", "0" if pace > 1 else "")
        assert damaged == 0
        assert exact == typed or lost > 0
    woken = re.search(r"woke up (\d+) times in (\d+) s", kernel)
    assert woken
    assert int(woken[1]) == 0
    figures.add(f"wake-ups of capture in {woken[2]} s without a scan", int(woken[1]), "", "0")
