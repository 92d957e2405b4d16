"""The roll-outs as administrators see them: stages, figures, why devices have failed, and what can be done."""

from __future__ import annotations

from collections.abc import Mapping

from pi_auto.server.admin.administrator import Administrator
from pi_auto.server.console.fleet_page import Notice
from pi_auto.server.console.markup import render
from pi_auto.server.operators.rules import Operator, Scope
from pi_auto.server.releases.obeyed import obeyed
from pi_auto.server.releases.shelf import Shelf
from pi_auto.server.rollouts import planning, summary

MOST_SHOWN = 20
OPEN = ("running", "paused")  # these are shown with their stages; the others as a line
REQUESTS = ("rollout start", "rollout pause", "rollout resume", "rollout advance", "rollout abort")
DONE = {
    "rollout start": "Started with its first stage.",
    "rollout pause": "Paused. Devices that are under way finish; no other is offered it.",
    "rollout resume": "It goes on. What has failed so far pauses it no more.",
    "rollout advance": "It is in its next stage.",
    "rollout abort": "Aborted for good.",
}


def rollouts_page(admin: Administrator, who: Operator, notice: Notice | None, addresses: Mapping[str, str]) -> str:
    """The page for this operator."""
    now = admin.context.clock()
    with admin.context.store.engine.connect() as books:
        listed = summary.list_all(books, MOST_SHOWN)
        authority = obeyed(books, Shelf(admin.context.settings.data))
        shown = [summary.show(books, planning.find(books, one["id"]), now) for one in listed if _is_open(one)]
    return render(
        "rollouts.html",
        who=who.name,
        may=who.may(Scope.FLEET),
        notice=notice,
        shown=shown,
        others=[one for one in listed if not _is_open(one)],
        authority=authority,
        addresses=addresses,
    )


def _is_open(one: Mapping[str, object]) -> bool:
    return one["state"] in OPEN
