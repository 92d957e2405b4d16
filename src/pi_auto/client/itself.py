"""How this program is started once more: installed, out of one file, or out of an unpacked release.

A release is run as `python3 PATH`, where PATH is the zip file or a folder with a __main__.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pi_auto


def release() -> str:
    """The name of the release that this process was started from; empty where it is none that is installed."""
    home = Path(pi_auto.__file__).parents[1]
    return home.parent.name if home.name == "app" and home.parents[1].name == "releases" else ""


def command() -> list[str]:
    """The command line that this program's arguments are added to."""
    home = Path(pi_auto.__file__).parents[1]
    packed = home.is_file() or (home / "__main__.py").is_file()
    return [sys.executable, *(["-I", str(home)] if packed else ["-m", "pi_auto.client.cli"])]
