"""The address at which the server was last found, kept over a restart. It is a guess, and no secret."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from pi_auto.files import write_whole
from pi_auto.wire.errors import FieldError
from pi_auto.wire.server_address import ServerAddress

log = logging.getLogger("pi_auto.network")

FILE = "home.json"


def kept_address(folder: Path) -> ServerAddress | None:
    """What is kept in `folder`; nothing if there is no file, or one that no address can be read from."""
    try:
        return ServerAddress.from_json(json.loads((folder / FILE).read_bytes()))
    except FileNotFoundError:
        return None
    except (FieldError, ValueError, OSError, RecursionError) as error:
        log.warning("no address can be read from %s: %s", folder / FILE, error)
        return None


def keep_address(folder: Path, address: ServerAddress) -> None:
    """Keep it; without room on the disk the next start has to guess."""
    if kept_address(folder) == address:
        return
    try:
        write_whole(folder / FILE, json.dumps(address.to_json()), mode=0o640)
    except OSError as error:
        log.warning("cannot keep where the server is: %s", error)
