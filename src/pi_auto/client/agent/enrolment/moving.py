"""Notices that the SD card is in another machine than before, and lets that one be a device of its own.

What makes the former device (its id, key and token) is put away whole and kept, since its scans may wait to be
delivered under its name. Where the card comes back, the former device is itself again. A power cut at any step is
made good by the next start: `identity.json` moves last on the way out, and first on the way in.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from pi_auto.client.agent.enrolment.device_key import FILE as KEY
from pi_auto.client.agent.enrolment.hardware import Hardware
from pi_auto.client.agent.enrolment.identity import FILE as IDENTITY
from pi_auto.client.agent.enrolment.identity import Identity, identity_of, stored_identity
from pi_auto.client.agent.enrolment.registration import FILE as REGISTRATION
from pi_auto.files import fsync_folder

log = logging.getLogger("pi_auto.identity")

FORMER = "former"
_PARTS = (REGISTRATION, KEY, IDENTITY)  # in the order in which they go


def mind_the_machine(folder: Path, serial: str | None) -> None:
    """Put away the identity in `folder` if it is another machine's than that with `serial`. Raises OSError."""
    kept = stored_identity(folder)
    if serial is None:
        return
    if kept and kept.serial not in {None, serial}:
        _put_away(folder, kept, serial)
        kept = None
    if kept is None and (own := _of(folder, serial)):
        _take_back(folder, own)


def own_identity(folder: Path, given_id: str | None, hardware: Hardware | None = None) -> Identity:
    """Who this machine is, whatever machine the card was in before. Raises NoIdentity and OSError.

    The id that people, or the installer, have set is the former device's where it was that one's.
    """
    machine = hardware or Hardware()
    mind_the_machine(folder, machine.serial())
    if given_id and is_former(folder, given_id):
        log.warning("the setting device_id names %s, which this card was in another machine: not used", given_id)
        given_id = None
    return identity_of(folder, given_id, machine)


def former_identities(folder: Path) -> Iterator[tuple[Path, Identity]]:
    """Those put away, each with its folder."""
    for place in sorted((folder / FORMER).glob("*")):
        if identity := stored_identity(place):
            yield place, identity


def is_former(folder: Path, device_id: str) -> bool:
    """Whether an id is that of a device which this card was before, in another machine."""
    return any(identity.device_id == device_id for _, identity in former_identities(folder))


def _of(folder: Path, serial: str) -> Path | None:
    return next((place for place, identity in former_identities(folder) if identity.serial == serial), None)


def _put_away(folder: Path, kept: Identity, serial: str) -> None:
    log.warning(
        "this SD card was in the machine %s as %s; the machine %s is a device of its own, with a key of its own",
        kept.serial, kept.device_id, serial,
    )  # fmt: skip
    place = folder / FORMER / f"{kept.device_id}-{kept.serial}"
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    _move(folder, place, _PARTS)


def _take_back(folder: Path, place: Path) -> None:
    log.warning("this SD card is back in a machine that it was in before, which is %s again", place.name)
    _move(place, folder, tuple(reversed(_PARTS)))


def _move(source: Path, target: Path, names: tuple[str, ...]) -> None:
    for name in names:
        if (source / name).exists():
            (source / name).rename(target / name)
            fsync_folder(target)
            fsync_folder(source)
