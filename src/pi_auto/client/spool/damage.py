"""Which errors of SQLite tell that a file is broken for good, and naming them so."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from pi_auto.client.spool.errors import SpoolDamaged

_DAMAGE = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
_DAMAGE_EXTENDED = frozenset((sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ))


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error tells of broken content, an unreadable block of the disk included.

    A full disk, a missing permission or a busy file are troubles that pass, and are not.
    """
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and (code & 0xFF in _DAMAGE or code in _DAMAGE_EXTENDED)


@contextmanager
def damage_named() -> Iterator[None]:
    """Raises SpoolDamaged for such an error, and any other one as it is."""
    try:
        yield
    except sqlite3.Error as error:
        if is_damage(error):
            raise SpoolDamaged(str(error)) from error
        raise
