"""Whether the fleet card can be used: without it nobody can be told from an impostor."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import which

from pi_auto.client.binding.keeping import BY_FIRST
from pi_auto.client.doctor.checks.clock import is_plausible
from pi_auto.client.doctor.findings import State, Verdict, ok, unchecked, warn, wrong
from pi_auto.client.doctor.patient import Patient
from pi_auto.client.settings import Settings, SettingsError
from pi_auto.client.whereabouts import bound_by, card_of, known_address
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fleet_card import FleetCard

_SOON = timedelta(days=90)
_AGAIN = "install again with a card of your fleet: sudo ./install_pi_client.sh --card fleet.json"
_SAFER = (
    "for a device that is to be trusted: sudo pi-auto-client factory-reset, then a card or a code of its fleet"
)
_FROM_SERVER = "get a new card at the server (pi-auto-server fleet card) and install again with it"


@dataclass(frozen=True, slots=True)
class Facts:
    """The card in `file`: whose it is, when its authority ends (None where that is not told), or `trouble`.

    `signs` is whether the command is there by which the device signs, `by` how it has got a card that nobody
    installed, `trusts_first` whether it may take that of whoever answers. `located` is whether anything names an
    address of its server: the card, the settings, or where it was found last.
    """

    file: Path
    fleet: str | None = None
    ends: datetime | None = None
    trouble: str = ""
    now: datetime | None = None
    signs: bool = True
    located: bool = True
    by: str | None = None
    trusts_first: bool = False


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Read it."""
    file = patient.settings.fleet_card
    try:
        card = card_of(patient.settings)
        by = bound_by(patient.settings, card)
    except SettingsError as error:
        return Facts(file, trouble=str(error))
    if card is None:
        return Facts(file, trusts_first=patient.settings.trust_first_server)
    signs, now = which("openssl") is not None, datetime.now(UTC)
    located = _is_located(patient.settings, card)
    return Facts(file, card.fleet_id, _end_of(card.ca), now=now, signs=signs, located=located, by=by)


def _without(*, trusts_first: bool) -> Verdict:
    if trusts_first:
        return warn("there is none, and trust_first_server is set: who answers first will own this device", _SAFER)
    return ok("there is none; the server is believed as the settings say")


def _judge_trust(verdict: Verdict, by: str | None) -> Verdict:
    if by == BY_FIRST and verdict.state is State.OK:
        return warn(f"{verdict.what}; it is that of the first server that answered, unproven", _SAFER)
    return verdict


def judge(facts: Facts) -> Verdict:
    """What that means."""
    if facts.trouble:
        return wrong(f"{facts.trouble}; nothing is sent to anybody until it is mended", _AGAIN)
    if facts.fleet is None:
        return _without(trusts_first=facts.trusts_first)
    if facts.ends is None or facts.now is None:
        return wrong(f"{facts.file}: the certificate of fleet {facts.fleet}'s authority cannot be read", _AGAIN)
    if not facts.signs:
        return wrong("openssl is missing, by which this device signs", "sudo apt-get install openssl")
    if not is_plausible(facts.now):
        return unchecked(f"this clock says {facts.now:%Y-%m-%d}", "see the line about the clock")
    verdict = _judge_trust(_judge_end(facts.fleet, facts.ends, facts.now), facts.by)
    return _judge_address(verdict, located=facts.located)


def _judge_address(verdict: Verdict, *, located: bool) -> Verdict:
    """What is worse than a card that is good and says nothing of where its server is, is told first."""
    if verdict.state is not State.OK or located:
        return verdict
    return warn(
        f"{verdict.what}; neither it nor the settings name an address: the server is found on this network alone",
        "name one: sudo pi-auto-client configure --server https://fleet.example:5443; or install with a card"
        " that does: pi-auto-server fleet card --address",
    )


def _judge_end(fleet: str, ends: datetime, now: datetime) -> Verdict:
    if ends <= now:
        return wrong(f"the authority of fleet {fleet} has expired on {ends:%Y-%m-%d}", _FROM_SERVER)
    if ends <= now + _SOON:
        return warn(f"the authority of fleet {fleet} expires on {ends:%Y-%m-%d}", _FROM_SERVER)
    return ok(f"fleet {fleet}, its authority is good until {ends:%Y-%m-%d}")


def _is_located(settings: Settings, card: FleetCard) -> bool:
    try:
        known_address(settings, card)
    except FieldError:
        return False
    return True


def _end_of(pem: str) -> datetime | None:
    """The end of a certificate, read by the TLS library as it will be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=pem)
        (certificate,) = context.get_ca_certs()
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    except (OSError, ValueError, KeyError):
        return None
