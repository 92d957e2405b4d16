"""Hands out the fleet card by the administrators' page, bare or in the installer; beside fleet_routes.py.

What is handed out may hold a batch token, which nobody sees again: so it is a POST that is in the audit
trail, and its answer a file that no cache keeps.
"""

from __future__ import annotations

from typing import Any

from flask import Response, request

from pi_auto.server.admin.installer import NAME, own_script, with_card
from pi_auto.server.admin.requests import answer
from pi_auto.server.api.bodies import form_of
from pi_auto.server.console.fleet_page import refused
from pi_auto.server.console.fleet_routes import MOST_FORM, admin, fleet, number_of, page_with
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.strict_json import write_plainly

CARD, INSTALLER = "card", "installer"


@fleet.post("/fleet/card")
def hand_out_card() -> Any:
    """`fleet.json`, or the installer with it inside; the gate has asked for the scope `fleet`."""
    form = form_of(request, MOST_FORM)
    try:
        installer = Fields(form).choice("as", (CARD, INSTALLER)) == INSTALLER
        script = own_script() if installer else ""
        card = FleetCard.from_json(answer(admin(), _question(installer))["card"])
    except FieldError as error:
        return page_with(refused(error)), 400
    if installer:
        return _file(NAME, with_card(script, card).encode(), "text/x-shellscript; charset=utf-8")
    return _file("fleet.json", write_plainly(card.to_json()) + b"\n", "application/json")


def _question(installer: bool) -> dict[str, Any]:
    form = request.form
    question: dict[str, Any] = {"request": "card", "installer": installer}
    if servers := form.get("servers", "").replace(",", " ").split():
        question["servers"] = servers
    if batch := form.get("batch", "").strip():
        question |= {
            "batch": batch,
            "most": number_of(form.get("most", "")),
            "days": number_of(form.get("days", "")),
        }
    return question


def _file(name: str, octets: bytes, kind: str) -> Response:
    return Response(
        octets, headers={"Content-Type": kind, "Content-Disposition": f'attachment; filename="{name}"'}
    )
