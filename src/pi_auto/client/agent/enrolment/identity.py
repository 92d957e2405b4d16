"""Who this device is: an id that follows from its hardware, and a secret that proves it.

Both are written down before they are first used, so that a registration which is repeated
after a power cut is the same registration. The secret never appears in a log or a repr.
"""

from __future__ import annotations

import json
import logging
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from pi_auto.client.agent.enrolment.hardware import Hardware
from pi_auto.files import write_whole
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.ids import device_id_from, device_id_of
from pi_auto.wire.registration import CLAIM

log = logging.getLogger("pi_auto.identity")

FILE = "identity.json"


class NoIdentity(Exception):  # noqa: N818 - named for what is missing
    """The machine has no number of its own to be named by: a person must name it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A device's name, the claim that only it knows, and the machine that it is, where that has a serial."""

    device_id: str
    claim: str = field(repr=False)
    serial: str | None = None

    def to_json(self) -> dict[str, str]:
        """As it is kept."""
        told = {"device_id": self.device_id, "claim": self.claim}
        return told | ({"serial": self.serial} if self.serial else {})


def identity_of(folder: Path, given_id: str | None = None, hardware: Hardware | None = None) -> Identity:
    """The identity kept in `folder`; made and stored there the first time, or when `given_id` is another.

    Raises NoIdentity, and OSError if the folder cannot be used.
    """
    kept, machine = stored_identity(folder), hardware or Hardware()
    device_id = given_id or (kept.device_id if kept else _id_of(machine))
    serial = kept.serial if kept and kept.serial else machine.serial()
    if kept and (kept.device_id, kept.serial) == (device_id, serial):
        return kept
    claim = kept.claim if kept else secrets.token_hex(32)
    identity = Identity(device_id, claim, serial)
    _set_aside_unreadable(folder, kept)
    write_whole(folder / FILE, json.dumps(identity.to_json()), mode=0o600)
    return identity


def stored_identity(folder: Path) -> Identity | None:
    """What is kept in `folder`; nothing if there is no file, or one that no identity can be read from."""
    try:
        fields = Fields(json.loads((folder / FILE).read_bytes()))
        serial = fields.optional("serial", lambda name: fields.text(name, most=64))
        return Identity(device_id_of(fields), fields.text("claim", most=64, form=CLAIM), serial)
    except FileNotFoundError:
        return None
    except (FieldError, ValueError, RecursionError) as error:
        log.warning("no identity can be read from %s: %s", folder / FILE, error)
        return None


def _id_of(hardware: Hardware) -> str:
    """Legacy contract: the CPU's serial, else the network address."""
    for number in (hardware.serial(), hardware.mac()):
        try:
            return device_id_from(number or "")
        except ValueError:
            continue
    raise NoIdentity("this machine shows no CPU serial and no network address; name it by the setting device_id")


def _set_aside_unreadable(folder: Path, kept: Identity | None) -> None:
    """Keep a damaged file for a person: the server may ask for an explanation of the new claim."""
    file = folder / FILE
    if kept is None and file.exists():
        file.rename(folder / f"{FILE}.damaged-{secrets.token_hex(4)}")
