"""What a person is told who starts the server by hand: the page to open, and the first link that signs them in.

The link is a secret, so it is printed to a terminal or to the program that reads along, never into a file or
the journal, which are kept and read by many; there its file is named.
"""

from __future__ import annotations

import stat
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from pi_auto.server.operators.letting_in import link_file
from pi_auto.server.operators.rules import LINK, LINK_LASTS
from pi_auto.server.plain.port import place_of
from pi_auto.server.settings import Settings


def welcome(settings: Settings, port: int, mode: int) -> str:
    """The words; `mode` is the st_mode of where they go, `port` that of HTTPS."""
    page = place_of(settings, port)
    if not (link := _first_link(settings.data)):
        return f"Open {page}/ (a link that signs you in: pi-auto-server operator link --data {settings.data})"
    if stat.S_ISREG(mode) or stat.S_ISSOCK(mode):
        return f"Open {page}/ (a link that signs you in, once, is in {link_file(settings.data)})"
    return (
        f"Open {page}/login?link={link}\n"
        "  signs you in, once, within a day of the first start. Your browser will say that it does not know\n"
        "  the certificate, which is this fleet's own."
    )


def _first_link(data: Path) -> str | None:
    """The secret of the first link while it is good."""
    file = link_file(data)
    with suppress(OSError):
        asked = parse_qs(urlsplit(file.read_text().strip()).query)
        link = asked.get("link", [""])[0]
        if LINK.match(link) and time.time() - file.stat().st_mtime < LINK_LASTS.total_seconds():
            return link
    return None
