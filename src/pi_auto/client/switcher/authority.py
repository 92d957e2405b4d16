"""Takes a fleet card that the fleet's offline keys have signed: the only way to change whom this device obeys.

The former card stays beside it for a person. No counter below the last is taken, no other fleet,
and no certificate that the agent could not use: it would be out of reach for good.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from pi_auto.client.appliance.errors import SetupFailed
from pi_auto.client.planted import read_own
from pi_auto.client.switcher.errors import Refused
from pi_auto.client.switcher.ledger import Ledger
from pi_auto.client.switcher.services import AGENT, AGENT_UNIT
from pi_auto.client.switcher.site import Site
from pi_auto.client.switcher.taking import Taken
from pi_auto.client.switcher.telling import tell
from pi_auto.files import write_whole
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.fleet_card import MOST_CARD, FleetCard
from pi_auto.wire.update import COMMITTED

if TYPE_CHECKING:
    from pi_auto.client.switcher.believing import Believed

_FORMER = "pi_auto_fleet.json.former"  # a factory reset erases it with the card
_LOADS = "import ssl, sys; ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=sys.argv[1])"
_PATIENCE = 60.0  # seconds


def take_over(site: Site, taken: Taken, believed: Believed, ledger: Ledger) -> None:
    """Place the card, and have the agent begin anew with it. Raises Refused and OSError."""
    counter = _counter(believed.custom)
    card = _card(taken)
    _allow(site, card, counter, ledger)
    public = json.dumps(card.to_json(), indent=2) + "\n"
    held = read_own(site.card, MOST_CARD, site.owner)
    if held is not None and held != public.encode():
        write_whole(site.card.with_name(_FORMER), held)
        site.passed("former card kept")
        write_whole(site.card, public)
        site.passed("card placed")
    replace(ledger, authority=counter).keep(site.own)
    site.passed("authority counted")
    tell(site.told, taken.digest, taken.request.version, COMMITTED, owner=site.owner)
    if site.services.standing(AGENT_UNIT).active:
        site.services.restart(AGENT_UNIT)


def _allow(site: Site, card: FleetCard, counter: int, ledger: Ledger) -> None:
    if counter < ledger.authority:
        raise Refused(f"the card's counter {counter} is below {ledger.authority}, which was taken already")
    if card.fleet_id != ledger.fleet:
        raise Refused(f"the card is of fleet {card.fleet_id}; only the installer changes the fleet of a device")
    if card.batch_token is not None:
        raise Refused("the card holds a batch token, which no signed card does")
    if card.update_root is None:
        raise Refused("the card names no update root; this device would never take an update again")
    try:
        site.services.run_as(AGENT, [sys.executable, "-I", "-c", _LOADS, card.ca], _PATIENCE)
    except SetupFailed as error:
        raise Refused(f"the certificate in the card cannot be used: {error}") from None


def _card(taken: Taken) -> FleetCard:
    try:
        with taken.archive.open("rb") as copy:
            return FleetCard.parse(copy.read(MOST_CARD + 1))
    except FieldError as error:
        raise Refused(f"what is signed as the fleet's authority is no card: {error}") from None


def _counter(custom: object) -> int:
    try:
        return Fields(custom, "custom").integer("counter", least=1)
    except FieldError as error:
        raise Refused(f"what is signed of the fleet's authority: {error}") from None
