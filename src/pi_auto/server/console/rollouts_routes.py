"""The address of the roll-outs' page, `/fleet/rollouts`, and what its buttons do; beside fleet_routes.py."""

from __future__ import annotations

from typing import Any

from flask import Response, g, request, url_for

from pi_auto.server.admin.requests import answer
from pi_auto.server.api.bodies import form_of
from pi_auto.server.console.fleet_page import Notice, refused
from pi_auto.server.console.fleet_routes import MOST_FORM, addresses, admin, fleet, number_of
from pi_auto.server.console.rollouts_page import DONE, REQUESTS, rollouts_page
from pi_auto.wire.errors import FieldError

_TEXTS = ("request", "why")
_SEEN = ("stage", "failures")  # of the roll-out, when the page was made


@fleet.get("/fleet/rollouts")
def rollouts() -> str:
    """The page."""
    done = request.args.get("done", "")
    return _page(Notice(DONE[done]) if done in DONE else None)


@fleet.post("/fleet/rollouts")
def act_rollouts() -> Any:
    """What a button asks for; the gate has asked for the scope `fleet`."""
    form = form_of(request, MOST_FORM)
    question: dict[str, Any] = {name: form[name].strip() for name in _TEXTS if form.get(name, "").strip()}
    question["rollout"] = number_of(form.get("rollout", ""))
    question |= {name: number_of(form[name]) for name in _SEEN if form.get(name, "")}
    if question.get("request") not in REQUESTS:
        return _page(refused(FieldError("request", "another one", "one of " + ", ".join(REQUESTS)))), 400
    try:
        answer(admin(), question)
    except FieldError as error:
        return _page(refused(error)), 400
    return Response(status=303, headers={"Location": url_for("fleet.rollouts", done=question["request"])})


def _page(notice: Notice | None) -> str:
    return rollouts_page(admin(), g.operator, notice, addresses())
