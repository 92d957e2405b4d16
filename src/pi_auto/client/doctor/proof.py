"""Whether the server at the end of the way proves to be the fleet's, as the agent would have it proven."""

from __future__ import annotations

from dataclasses import replace

from pi_auto.client.agent.errors import ApiError
from pi_auto.client.agent.network.proving import Prover, reason_of
from pi_auto.client.doctor.asking import ask_server
from pi_auto.client.doctor.exchange import Exchange, Stop
from pi_auto.client.settings import Settings
from pi_auto.client.whereabouts import card_of, known_address


def ask_and_have_it_proven(settings: Settings) -> Exchange:
    """Go the way; with a fleet card its end has to prove the fleet. Never raises for what is wrong there."""
    met = ask_server(settings)
    why = _why_unproven(settings) if met.stop is Stop.ARRIVED else ""
    return replace(met, stop=Stop.UNPROVEN, said=why) if why else met


def _why_unproven(settings: Settings) -> str:
    """Why the agent would not believe it; nothing if it would, or if there is no card to prove anything by."""
    card = card_of(settings)
    if card is None:
        return ""
    try:
        Prover(card, settings.proxy).prove(known_address(settings, card))
    except ApiError as error:
        return reason_of(error)
    return ""
