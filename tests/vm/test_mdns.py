"""The agent's one question by mDNS, from inside its sandbox: newer systemds can refuse what Debian 12's cannot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from zeroconf import ServiceInfo
from zeroconf._dns import DNSPointer
from zeroconf._protocol.outgoing import DNSOutgoing
from zeroconf.const import _CLASS_IN, _FLAGS_AA, _FLAGS_QR_RESPONSE, _TYPE_PTR

from pi_auto.wire.announcement import FLEET_KEY, SERVICE_TYPE
from support.vm.appliance import AGENT, Appliance

RESPONDER = Path(__file__).parents[1] / "support/vm/guest/responder.py"
FLEET, PLACE = "fxueatbdjpwi3c", "10.0.2.77"
_ASK = f"""
import sys, threading
sys.path.insert(0, "/opt/pi-auto-client/current/app")
from pi_auto.client.agent.network.mdns import servers_announced
from pi_auto.client.agent.network.own_link import own_addresses
for found in servers_announced("{FLEET}", own_addresses(), threading.Event()):
    print("HEARD", found, flush=True)
print("HEARD all", flush=True)
"""


def answer() -> bytes:
    """As python-zeroconf packs it."""
    info = ServiceInfo(SERVICE_TYPE, f"one.{SERVICE_TYPE}", 5443, 0, 0, {FLEET_KEY: FLEET}, "till.local.",
                       parsed_addresses=[PLACE])  # fmt: skip
    out = DNSOutgoing(_FLAGS_QR_RESPONSE | _FLAGS_AA)
    out.add_answer_at_time(DNSPointer(SERVICE_TYPE, _TYPE_PTR, _CLASS_IN, 120, info.name), 0)
    for record in (info.dns_service(), info.dns_text(), *info.dns_addresses()):
        out.add_answer_at_time(record, 0)
    (packet,) = out.packets()
    return bytes(packet)


@pytest.fixture
def answered(pi: Appliance, tmp_path: Path) -> Iterator[Appliance]:
    """A server is announced on the Pi's network."""
    (tmp_path / "answer").write_bytes(answer())
    pi.machine.copy_in(tmp_path / "answer", RESPONDER)
    pi.machine.run(
        "sudo systemd-run --quiet --collect --unit=rig-mdns python3 -I /home/pi/responder.py /home/pi/answer"
    )
    yield pi
    pi.machine.run("sudo systemctl stop rig-mdns")


@pytest.mark.unhurried
def test_a_server_that_announces_itself_is_heard_from_inside_the_agents_sandbox(
    answered: Appliance, tmp_path: Path
) -> None:
    pi, folder = answered, f"/run/systemd/system/{AGENT}.d"
    (tmp_path / "ask.py").write_text(_ASK)
    (tmp_path / "ask.conf").write_text("[Service]\nExecStartPre=/usr/bin/python3 -I /usr/local/lib/ask.py\n")
    pi.machine.copy_in(tmp_path / "ask.py", tmp_path / "ask.conf")
    pi.machine.run(f"sudo mkdir -p {folder} && sudo cp ask.py /usr/local/lib/ && sudo cp ask.conf {folder}/")
    mark = pi.journal.mark()
    try:
        pi.machine.run(f"sudo systemctl daemon-reload && sudo systemctl restart {AGENT}")
        pi.journal.wait_for("HEARD all", mark, unit=AGENT, timeout=pi.patience)
    finally:
        pi.machine.run(f"sudo rm -rf {folder} /usr/local/lib/ask.py && sudo systemctl daemon-reload")
        pi.machine.run(f"sudo systemctl restart {AGENT}")
    assert [entry.text for entry in pi.journal.since(mark, unit=AGENT, text=f"HEARD {PLACE}")]
    pi.have_scanner()
    pi.site.wait_for(pi.scan())
