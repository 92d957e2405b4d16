"""What can go wrong with a spool, named by who must act."""

from __future__ import annotations

import sqlite3


class SpoolUnavailable(Exception):  # noqa: N818 - a state that passes, not a fault
    """The spool is not there or cannot be read just now. A retry helps."""


class SpoolDamaged(Exception):  # noqa: N818 - names what the spool is
    """The spool's content is broken. It must be set aside; no retry helps."""


class SpoolRefused(Exception):  # noqa: N818 - names what happened
    """The spool must not be used by this program; the operator must act. The message is for a person."""


_DAMAGE = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
_DAMAGE_EXTENDED = frozenset((sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ))


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error tells of broken content, an unreadable block of the disk included.

    A full disk, a missing permission or a busy file are troubles that pass, and are not.
    """
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and (code & 0xFF in _DAMAGE or code in _DAMAGE_EXTENDED)
