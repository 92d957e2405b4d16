"""What can go wrong with a spool, named by who must act."""

from __future__ import annotations


class SpoolUnavailable(Exception):  # noqa: N818 - a state that passes, not a fault
    """The spool is not there or cannot be read just now. A retry helps."""


class SpoolDamaged(Exception):  # noqa: N818 - names what the spool is
    """The spool's content is broken. It must be set aside; no retry helps."""


class SpoolRefused(Exception):  # noqa: N818 - names what happened
    """The spool must not be used by this program; the operator must act. The message is for a person."""
