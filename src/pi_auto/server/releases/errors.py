"""What goes wrong with releases, in a sentence for whoever made or publishes one."""

from __future__ import annotations

from pi_auto.server.errors import CommandFailed


class ReleaseError(CommandFailed):
    """Nothing was signed, built or published; the sentence says what is wrong, where, and what is allowed."""
