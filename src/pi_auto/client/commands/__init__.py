"""The commands of the appliance beside its services, each loaded only when it is asked for.

codes      what a code means, and the sheet that teaches a layout
scanners   what is plugged in, what each scanner sends, how one is set
settings   what a person tells the device
examining  what is wrong with it; networks joined by scanning
updates    asking for one, going back, what root does about it
machine    installing, resetting, trying and timing it
"""

from __future__ import annotations

import argparse

from pi_auto.client.commands import codes, examining, machine, scanners, settings, updates
from pi_auto.client.commands.options import Add
from pi_auto.typed import Any

_ALL = (codes, scanners, settings, examining, updates, machine)


def add_commands(commands: Any, add: Add, shared: argparse.ArgumentParser) -> None:
    """Add them to a command line; `add` makes a subcommand, `shared` has the options of all settings."""
    for each in _ALL:
        each.add_commands(commands, add, shared)
