"""What ends a command of `pi-auto-server`."""

from __future__ import annotations


class CommandFailed(Exception):  # noqa: N818 - it reads as the sentence it is
    """The command cannot do what it was asked, or did not succeed; the sentence says why."""


class AuditError(Exception):
    """The audit cannot be read or written; the sentence says why. Without it no device is asked anything."""
