"""What capture and agent take of the memory of the Pi that they run on; where a pointer has 32 bits it is less."""

from __future__ import annotations

import re

import pytest

from support.vm.appliance import AGENT, CAPTURE, Appliance
from support.vm.figures import Figures

pytestmark = pytest.mark.everywhere
SCANS = 30
_AIMS = {CAPTURE: "14", AGENT: ""}  # MiB resident
_MOST = 40.0  # MiB resident of either: whatever takes more has a leak


def test_the_services_take_little_memory(pi: Appliance, figures: Figures) -> None:
    pi.have_scanner()
    *_, last = [pi.scan() for _ in range(SCANS)]
    pi.site.wait_for(last)
    for unit, aim in _AIMS.items():
        resident, share = (kib / 1024 for kib in _memory(pi, unit))
        figures.add(f"{unit} after {SCANS} scans, resident", resident, "MiB", aim)
        figures.add(f"{unit} after {SCANS} scans, its share (PSS)", share, "MiB", "")
        assert share <= resident <= _MOST


def _memory(pi: Appliance, unit: str) -> tuple[int, int]:
    process = pi.machine.run(f"systemctl show --property MainPID --value {unit}").strip()
    told = pi.machine.run(f"sudo cat /proc/{process}/smaps_rollup")
    found = dict(re.findall(r"^(Rss|Pss):\s+(\d+) kB$", told, re.MULTILINE))
    return int(found["Rss"]), int(found["Pss"])
