"""What the rig puts into a virtual Pi to see what happens in it; none of it is the product's.

Two wires lead out of the machine, each a file on this side to which bytes are written at once, so that they
are here even if the power goes in the next moment: its journal, and every key that reaches its first console,
on which a reader sits in the place of the login prompt. The network has two cables: one for ssh, which leads
nowhere else and stays, and the Pi's own, which is pulled in tests.
"""

from __future__ import annotations

from pathlib import Path

JOURNAL, CONSOLE = "rig.journal", "rig.console"
SSH_MAC_PREFIX, OWN_MAC_PREFIX = "52:54:01", "52:54:00"

_FIELDS = "MESSAGE,UNIT,_SYSTEMD_UNIT,_TRANSPORT,_SOURCE_MONOTONIC_TIMESTAMP"
_UNIT = """[Unit]
Description=Rig: {what}
StartLimitIntervalSec=0
ConditionPathExistsGlob=/sys/class/virtio-ports/*

[Service]
ExecStart=/bin/sh -c '{command}'
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
"""
_FOLLOW = f"exec journalctl --quiet --follow --boot --lines=all --output=json --output-fields={_FIELDS} > {{wire}}"
# With an echo, so that keys also stand on the screen (/dev/vcs1), as behind a login prompt.
_READ = "exec < /dev/tty1; stty -icanon -isig -icrnl echo; exec cat > {wire}"
_NETWORK = "[Match]\nMACAddress={mac}\n[Network]\nDHCP=ipv4\nIPv6AcceptRA=no\nLinkLocalAddressing=no\n{more}"
_FILES = {
    "rig-journal.service": _UNIT.format(
        what="the journal, to the outside", command=_FOLLOW.format(wire=f"/dev/virtio-ports/{JOURNAL}")
    ),
    "rig-console.service": _UNIT.format(
        what="what reaches the first console",
        command=_READ.format(wire=f"/dev/virtio-ports/{CONSOLE}"),
    ),
}


def place(root: Path) -> None:
    """Put them into the root file system of an image."""
    units = root / "etc/systemd/system"
    wants = units / "multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    for name, text in _FILES.items():
        (units / name).write_text(text)
        (wants / name).symlink_to(f"/etc/systemd/system/{name}")
    (units / "getty@tty1.service").symlink_to("/dev/null")
    networks = root / "etc/systemd/network"
    ssh_only = "[DHCPv4]\nUseGateway=no\nUseRoutes=no\nUseDNS=no\n"
    for name, prefix, more in (("10-ssh", SSH_MAC_PREFIX, ssh_only), ("20-own", OWN_MAC_PREFIX, "")):
        # systemd-networkd matches whole addresses only; the machine gives each the same end.
        text = _NETWORK.format(mac=" ".join(f"{prefix}:00:00:{end:02x}" for end in range(1, 33)), more=more)
        (networks / f"{name}.network").write_text(text)
