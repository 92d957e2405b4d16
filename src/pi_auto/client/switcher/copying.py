"""The child that copies the queue for the backup, as the user who may read it: root opens no database there."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from pi_auto.client.spool.schema import FILE_NAME, connect_to_read, is_at_rest


def main(source: str, copy: str) -> int:
    """Copy the queue in the folder `source` to the file `copy`, as it is at one moment; the exit code."""
    path = Path(source) / FILE_NAME
    try:
        if path.exists():
            with (
                closing(connect_to_read(path, at_rest=is_at_rest(path))) as queue,
                closing(sqlite3.connect(copy)) as into,
            ):
                queue.backup(into)
    except (sqlite3.Error, OSError) as error:
        print(f"the queue cannot be copied: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
