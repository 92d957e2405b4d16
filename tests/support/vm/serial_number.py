"""A serial number for a virtual Pi, where a Raspberry Pi's kernel tells it: the last lines of /proc/cpuinfo.

It follows from the network card's address, so that it is the machine's and not the disk's. The product's services
have a /proc of their own, into which it is bound.
"""

from __future__ import annotations

from support.vm.appliance import AGENT, CAPTURE
from support.vm.machine import Machine

_UNIT = "rig-cpuinfo.service"
_ADDRESS = "cat /sys/class/net/e*/address"
_MAKES = rf"""[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'until {_ADDRESS} >/run/address 2>&1; do sleep 0.2; done'
ExecStart=/bin/sh -c '(cat /proc/cpuinfo; echo "Serial : 1000$$(head -n 1 /run/address | tr -d :)") >/run/cpuinfo'
"""
_SEES = f"""[Unit]
Wants={_UNIT}
After={_UNIT}
[Service]
BindReadOnlyPaths=/run/cpuinfo:/proc/cpuinfo
"""


def give_serial_number(machine: Machine) -> None:
    """Before the product is installed."""
    _write(machine, f"/etc/systemd/system/{_UNIT}", _MAKES)
    for service in (CAPTURE, AGENT):
        _write(machine, f"/etc/systemd/system/{service}.d/rig.conf", _SEES)
    machine.run("sudo systemctl daemon-reload")


def _write(machine: Machine, file: str, text: str) -> None:
    machine.run(f"sudo mkdir -p {file.rpartition('/')[0]} && sudo tee {file} >/dev/null <<'END'\n{text}END")
