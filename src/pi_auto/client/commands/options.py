"""What the command lines of several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable

Add = Callable[..., argparse.ArgumentParser]  # makes a subcommand
_LONGEST = 86400  # seconds


def seconds(text: str) -> float:
    """An option of seconds, more than none. Raises ArgumentTypeError."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: more than 0, at most {_LONGEST}")
    return number


class Formatter(argparse.RawDescriptionHelpFormatter):
    """argparse makes one for each option, and each would load what finds out how wide the terminal is."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100)
