"""The commands of the appliance; what they do is loaded only when it is asked for.

services    capture, the agent, both together
status      who this device is and how it stands
recordings  what a scanner sends, kept in a file
codes       what a code means, and the sheet that teaches a layout
scanners    what is plugged in, what each scanner sends, how one is set
settings    what a person tells the device
examining   what is wrong with it; networks joined by scanning
updates     asking for one, going back, what root does about it
machine     installing, resetting, trying and timing it
"""

from __future__ import annotations

import argparse

from pi_auto.client.commands import (
    codes,
    examining,
    machine,
    recordings,
    scanners,
    services,
    settings,
    status,
    updates,
)
from pi_auto.client.commands.options import Add
from pi_auto.typed import Any

_ALL = (services, status, recordings, codes, scanners, settings, examining, updates, machine)


def add_commands(commands: Any, add: Add, shared: argparse.ArgumentParser) -> None:
    """Add them to a command line; `add` makes a subcommand, `shared` has the options of all settings."""
    for each in _ALL:
        each.add_commands(commands, add, shared)
