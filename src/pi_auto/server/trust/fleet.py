"""The fleet as its server holds it: opened at every start, made at the first.

Files come in and go out here; what they are to hold is decided by `authority`, `certificates`
and `names`. Three writes, each whole: the key file, the authority, the server's certificate with
its key. Whatever a power cut leaves out is made at the next start.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from pi_auto.files import write_whole
from pi_auto.server.enrolment.nonces import Nonces
from pi_auto.server.trust.authority import Authority, open_authority, sealed_file
from pi_auto.server.trust.certificates import new_key, server_certificate, still_serves
from pi_auto.server.trust.errors import TrustError
from pi_auto.server.trust.keeping import MODE
from pi_auto.server.trust.names import certified, why_not
from pi_auto.server.trust.sealing import SealingKey, key_file, sealing_key
from pi_auto.server.trust.signatures import sign
from pi_auto.wire.fleet_card import FleetCard, server_name
from pi_auto.wire.fleet_proof import FleetProof
from pi_auto.wire.server_address import ServerAddress
from pi_auto.wire.signed import PROOF, Signed

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A PEM file with the server's certificate, its authority's and its key, which `password` opens."""

    file: Path
    password: str = field(repr=False)

    def read(self) -> x509.Certificate:
        """The certificate itself. Raises TrustError."""
        try:
            return x509.load_pem_x509_certificate(self.file.read_bytes())
        except (OSError, ValueError) as error:
            raise TrustError(f"the server's certificate {self.file} cannot be used: {error}") from error

    def pem_in_the_clear(self) -> bytes:
        """The same as the file holds, the key unsealed: for memory alone, never for a disk. Raises TrustError."""
        try:
            pem = self.file.read_bytes()
            key = load_pem_private_key(pem, self.password.encode())
        except (OSError, ValueError) as error:
            raise TrustError(f"the server's certificate {self.file} cannot be used: {error}") from error
        chain = pem[: pem.index(b"-----BEGIN ENCRYPTED")]
        return chain + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True, slots=True)
class Fleet:
    """The open fleet; `names` are those that its server was told to stand under on the network."""

    authority: Authority
    key: SealingKey = field(repr=False)
    names: tuple[str, ...]
    certificate: Certificate

    @property
    def fleet_id(self) -> str:
        """The fleet's id."""
        return self.authority.fleet_id

    @property
    def nonces(self) -> Nonces:
        """The nonces that devices sign."""
        return Nonces(self.key.derive("nonces"))

    def card(
        self,
        servers: Sequence[ServerAddress],
        batch_token: str | None = None,
        update_root: str | None = None,
    ) -> FleetCard:
        """The card that devices get."""
        return FleetCard(
            self.fleet_id,
            self.authority.pem,
            self.authority.public_key,
            tuple(servers),
            update_root=update_root,
            batch_token=batch_token,
        )

    def renew_certificate(self, now: datetime, found: tuple[str, ...] = (), *, at_once: bool = False) -> bool:
        """See to a certificate that serves for a while, or to another one `at_once`; whether it is another.

        `found` are names that the machine has by itself. Raises TrustError.
        """
        names = certified(self.fleet_id, (*self.names, *found))
        return _renew(self.certificate, self.authority, names, now, at_once)

    def certificate_ends(self) -> datetime:
        """Until when the certificate is good. Raises TrustError."""
        return self.certificate.read().not_valid_after_utc

    def prove(self, nonce: str, now: datetime) -> Signed:
        """The proof of the fleet, and of the time, to whoever asks with a nonce."""
        said = FleetProof(self.fleet_id, nonce, now, (server_name(self.fleet_id), *self.names))
        return sign(self.authority.fleet_key, PROOF, said.to_json())


def is_made(data: Path) -> bool:
    """Whether the data folder has a fleet already."""
    return sealed_file(data).exists()


def open_fleet(
    data: Path,
    setting: Path | None,
    names: tuple[str, ...] | None,
    now: datetime,
    found: tuple[str, ...] = (),
) -> Fleet:
    """The fleet of this data folder, made where there is none. Raises TrustError.

    `setting` names the key file, `names` are further names of this server: those that the fleet's
    authority cannot vouch for are told, and need a public certificate. Without any, not even an empty
    list of them, the certificate is left as it is. `found` are names that the machine has by itself, for
    the certificate alone, which bears those that it may.
    """
    key = sealing_key(key_file(data, setting), sealed=is_made(data))
    authority = open_authority(data, key, now)
    for name in names or ():
        if reason := why_not(name, authority.fleet_id):
            _log.warning("the fleet's certificate will not bear %s: %s; devices do not mind", name, reason)
    certificate = Certificate(data / "trust" / "server.pem", key.derive("password of the server's key").hex())
    if names is not None:
        _renew(certificate, authority, certified(authority.fleet_id, (*names, *found)), now)
    return Fleet(authority, key, names or (), certificate)


def _renew(
    held: Certificate, authority: Authority, names: tuple[str, ...], now: datetime, at_once: bool = False
) -> bool:
    """See to a certificate that serves; what is there is kept as long as it does, unless one is due `at_once`."""
    try:
        if not at_once and _serves(held, authority, names, now):
            return False
        key = new_key()
        certificate = server_certificate(authority.fleet_id, names, key.public_key(), authority.ca_key, now)
        encryption = BestAvailableEncryption(held.password.encode())
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
        write_whole(held.file, certificate.public_bytes(Encoding.PEM) + authority.pem.encode() + secret, mode=MODE)
    except OSError as error:
        raise TrustError(f"the server's certificate {held.file} cannot be used: {error.strerror}") from error
    _log.info("the server has a new certificate, for %s", ", ".join(names))
    return True


def _serves(held: Certificate, authority: Authority, names: tuple[str, ...], now: datetime) -> bool:
    try:
        pem = held.file.read_bytes()
        certificate = x509.load_pem_x509_certificate(pem)
        key = load_pem_private_key(pem, held.password.encode())
    except (FileNotFoundError, ValueError):
        return False
    return key.public_key() == certificate.public_key() and still_serves(
        certificate, authority.certificate, names, now
    )
