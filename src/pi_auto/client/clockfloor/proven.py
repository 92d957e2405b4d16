"""What a fleet's key has signed about the time, and whether it can be believed. No clock is asked here.

A signature tells that the fleet has said so at some time. That it was said just now, only who has
asked can tell, by the nonce.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pi_auto.client.agent.enrolment.openssl import OpensslError, is_signed_by
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.fleet_proof import FleetProof
from pi_auto.wire.signed import PROOF, Signed
from pi_auto.wire.strict_json import read_strictly

MOST_PROOF = 16 * 1024  # bytes; one with as many names as may be has half of it


class NotProven(Exception):  # noqa: N818 - named for what has happened
    """It is no word of this fleet's."""


def claimed(octets: bytes) -> tuple[Signed, FleetProof]:
    """A proof as it lies in a file, of which nothing is believed yet. Raises NotProven."""
    try:
        return _parts(read_strictly(octets, "the proof", most=MOST_PROOF))
    except FieldError as error:
        raise NotProven(str(error)) from None


def claimed_in(answer: object) -> tuple[Signed, FleetProof]:
    """A proof as a server answers it, of which nothing is believed yet. Raises NotProven."""
    try:
        return _parts(answer)
    except FieldError as error:
        raise NotProven(str(error)) from None


def check(signed: Signed, said: FleetProof, card: FleetCard) -> None:
    """Whether the fleet of `card` has said it. Raises NotProven with the reason why not."""
    if said.fleet_id != card.fleet_id:
        raise NotProven(f"it is of the fleet {said.fleet_id}, not {card.fleet_id}")
    if said.time > (end := authority_ends(card)):
        raise NotProven(f"it names the year {said.time.year}, and the fleet's authority ends in {end.year}")
    try:
        if not is_signed_by(card.fleet_key, signed.signed_bytes, signed.signature):
            raise NotProven("its signature is not the fleet's")
    except OpensslError as error:
        raise NotProven(f"its signature cannot be checked: {error}") from None


def authority_ends(card: FleetCard) -> datetime:
    """When the fleet's authority runs out: no time after that can be a right one. Raises NotProven."""
    import ssl  # noqa: PLC0415 - only for those few boots that have a new proof

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=card.ca)
        ends = [ssl.cert_time_to_seconds(str(one["notAfter"])) for one in context.get_ca_certs()]
        return datetime.fromtimestamp(max(ends), UTC)
    except (OSError, ValueError, OverflowError) as error:  # ssl's errors are OSErrors
        raise NotProven(f"the authority in the fleet card cannot be read: {error}") from None


def _parts(value: object) -> tuple[Signed, FleetProof]:
    signed = Signed.from_json(value, PROOF)
    return signed, FleetProof.from_json(signed.content())
