"""The audit trail as a page: what was decided, by whom, of what, the newest first, with filters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from pi_auto.server.audit.reading import MOST_IN_PAGE, Wanted, actions, read
from pi_auto.server.console.markup import render
from pi_auto.server.context import Context


def audit_page(context: Context, who: str, asked: MultiDict[str, str], addresses: dict[str, str]) -> str:
    """The page for a filter, for `who` has signed in; what is no filter is left out."""
    before = asked.get("before", "")
    wanted = Wanted(
        actor=asked.get("actor", "")[:128].strip(),
        action=asked.get("action", "")[:64],
        subject=asked.get("subject", "")[:128].strip(),
        before=int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None,
    )
    with context.store.engine.connect() as connection:
        rows, known = read(connection, wanted), actions(connection)
    older = ""
    if len(rows) == MOST_IN_PAGE:
        kept = {"actor": wanted.actor, "action": wanted.action, "subject": wanted.subject}
        older = f"{addresses['audit']}?{urlencode(kept | {'before': rows[-1].number})}"
    found = {
        "rows_found": [(row, _told(row.detail)) for row in rows],
        "wanted": wanted,
        "actions": known,
        "older": older,
    }
    return render("audit.html", who=who, addresses=addresses, **found)


def _told(detail: Mapping[str, Any]) -> dict[str, str]:
    """What stands under a decision, as text: lists by their members, what is empty left out."""
    return {
        name: ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in detail.items()
        if value
    }
