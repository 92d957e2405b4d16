"""Whether the fleet card can be used: without it nobody can be told from an impostor."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pi_auto.client.doctor.checks.clock import is_plausible
from pi_auto.client.doctor.findings import Verdict, ok, unchecked, warn, wrong
from pi_auto.client.doctor.patient import Patient
from pi_auto.client.settings import SettingsError
from pi_auto.client.whereabouts import card_of

_SOON = timedelta(days=90)
_AGAIN = "install again with a card of your fleet: sudo ./install_pi_client.sh --card fleet.json"
_FROM_SERVER = "get a new card at the server (pi-auto-server fleet card) and install again with it"


@dataclass(frozen=True, slots=True)
class Facts:
    """The card in `file`: whose it is, when its authority ends (None where that is not told), or `trouble`."""

    file: Path
    fleet: str | None = None
    ends: datetime | None = None
    trouble: str = ""
    now: datetime | None = None


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Read it."""
    file = patient.settings.fleet_card
    try:
        card = card_of(patient.settings)
    except SettingsError as error:
        return Facts(file, trouble=str(error))
    return Facts(file, card.fleet_id, _end_of(card.ca), now=datetime.now(UTC)) if card else Facts(file)


def judge(facts: Facts) -> Verdict:
    """What that means."""
    if facts.trouble:
        return wrong(f"{facts.trouble}; nothing is sent to anybody until it is mended", _AGAIN)
    if facts.fleet is None:
        return ok("there is none; the server is believed as the settings say")
    if facts.ends is None or facts.now is None:
        return wrong(f"{facts.file}: the certificate of fleet {facts.fleet}'s authority cannot be read", _AGAIN)
    if not is_plausible(facts.now):
        return unchecked(f"this clock says {facts.now:%Y-%m-%d}", "see the line about the clock")
    return _judge_end(facts.fleet, facts.ends, facts.now)


def _judge_end(fleet: str, ends: datetime, now: datetime) -> Verdict:
    if ends <= now:
        return wrong(f"the authority of fleet {fleet} has expired on {ends:%Y-%m-%d}", _FROM_SERVER)
    if ends <= now + _SOON:
        return warn(f"the authority of fleet {fleet} expires on {ends:%Y-%m-%d}", _FROM_SERVER)
    return ok(f"fleet {fleet}, its authority is good until {ends:%Y-%m-%d}")


def _end_of(pem: str) -> datetime | None:
    """The end of a certificate, read by the TLS library as it will be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=pem)
        (certificate,) = context.get_ca_certs()
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    except (OSError, ValueError, KeyError):
        return None
