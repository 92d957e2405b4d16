"""Asks the question of every hour: is there a release for this device."""

from __future__ import annotations

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.errors import Garbled
from pi_auto.version import __version__
from pi_auto.wire.errors import FieldError
from pi_auto.wire.update import NoUpdate, Offer, read_answer

OFF = (
    "updates are off: this device knows no update root; it comes in the fleet card (pi-auto-server fleet card), "
    "or in a release that was built for the fleet"
)


def ask(api: ServerApi, device_id: str, token: str | None) -> NoUpdate | Offer:
    """What the server answers. Raises ApiError."""
    query = {"device_id": device_id, "current_version": __version__}
    try:
        return read_answer(api.get("/api/ota/check_update", query, token))
    except FieldError as error:
        raise Garbled(f"the answer about updates: {error}") from None


def outcome(answer: NoUpdate | Offer, *, trusts: bool) -> str:
    """What the answer means for a device, for a person; `trusts` says whether it knows an update root."""
    if isinstance(answer, NoUpdate):
        why = f" ({answer.message})" if answer.message else ""
        return f"no update: version {__version__} stays{why}" + ("" if trusts else f"; {OFF}")
    if not trusts:
        return f"update {answer.latest_version} is offered, and not taken; {OFF}"
    return f"update {answer.latest_version} is offered{' as mandatory' if answer.mandatory else ''}"
