"""The client as the guide installs it on a box."""

from __future__ import annotations

from support.box import Box

INSTALL = "./install_pi_client.sh --server https://fleet.example:5443"
OPT = "/opt/pi-auto-client"


def installed(box: Box, command: str = INSTALL) -> str:
    """Install it; what was said."""
    code, said = box.run(command)
    assert code == 0, said
    return said


def current(box: Box) -> str:
    """The version that is switched to."""
    return box.path(f"{OPT}/current").readlink().name
