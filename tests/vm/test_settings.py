"""A settings file that somebody has broken: scanning and delivery go on, and the fault is told."""

from __future__ import annotations

import pytest

from support.vm.appliance import AGENT, CAPTURE, Appliance

FILE = "/etc/pi_auto_client.json"


@pytest.mark.parametrize(
    "deed",
    [
        f"sudo truncate -s 20 {FILE}",
        f"sudo truncate -s 0 {FILE}",
        f"""echo '{{"server_url": 5}}' | sudo tee {FILE} >/dev/null""",
    ],
    ids=["half a file", "an empty file", "a number for a server"],
)
def test_broken_settings_never_stop_scanning(pi: Appliance, deed: str) -> None:
    pi.have_scanner()
    pi.site.wait_for(pi.scan())
    kept = pi.machine.run(f"cat {FILE}")
    try:
        pi.machine.run(deed)
        mark = pi.journal.mark()
        pi.machine.run(f"sudo systemctl restart {CAPTURE} {AGENT}")
        for unit in (CAPTURE, AGENT):
            pi.journal.wait_for(FILE, mark, unit=unit)
        pi.site.wait_for(pi.scan())
    finally:
        pi.machine.run(f"echo '{kept}' | sudo tee {FILE} >/dev/null; sudo systemctl restart {CAPTURE} {AGENT}")
    pi.wait_for_services()
