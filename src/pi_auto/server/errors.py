"""What ends a command of `pi-auto-server`."""

from __future__ import annotations


class CommandFailed(Exception):  # noqa: N818 - it reads as the sentence it is
    """The command cannot do what it was asked, or did not succeed; the sentence says why."""
