"""The fleet's two certificates: its authority, bound to private names, and the server it vouches for.

P-256 throughout. Times are handed in; nothing here touches a disk.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pi_auto.server.trust.names import PRIVATE_NETWORKS, permitted_domains
from pi_auto.wire.fleet_card import server_name
from pi_auto.wire.server_address import is_ip

Key = ec.EllipticCurvePrivateKey
SERVER_LASTS = timedelta(days=90)  # a stolen key is good for so long: nothing else ends it (decision 0038)
RENEW_BEFORE = timedelta(days=30)
_AUTHORITY_LASTS = timedelta(
    days=30 * 365
)  # to change it, every device has to be told by an offline-signed target
_BACKDATED = timedelta(days=1)  # a device's clock may be behind


def new_key() -> Key:
    """A private key."""
    return ec.generate_private_key(ec.SECP256R1())


def authority_certificate(fleet_id: str, key: Key, now: datetime) -> x509.Certificate:
    """The authority's own certificate: it may vouch for servers of these names and for no other authority."""
    name = _name(f"Pi Auto fleet {fleet_id}")
    return (
        _builder(name, name, key.public_key(), now, _AUTHORITY_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(_permitted(fleet_id), None), critical=True)
        .sign(key, hashes.SHA256())
    )


def server_certificate(
    fleet_id: str, names: tuple[str, ...], key: ec.EllipticCurvePublicKey, signer: Key, now: datetime
) -> x509.Certificate:
    """The server's certificate, whose names are all within the authority's bounds."""
    subject, issuer = _name(server_name(fleet_id)), _name(f"Pi Auto fleet {fleet_id}")
    server_only = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    signed_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return (
        _builder(subject, issuer, key, now, SERVER_LASTS)
        .add_extension(x509.SubjectAlternativeName(list(map(_general_name, names))), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(server_only, critical=False)
        .add_extension(signed_by, critical=False)
        .sign(signer, hashes.SHA256())
    )


def still_serves(
    certificate: x509.Certificate, authority: x509.Certificate, names: tuple[str, ...], now: datetime
) -> bool:
    """Whether a server's certificate is by this authority, for these names at least, and good for a while.

    A name that is not wanted any more leaves with the next one: addresses come and go.
    """
    named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    begun = certificate.not_valid_before_utc <= now.astimezone(UTC)
    lasts = certificate.not_valid_after_utc - now.astimezone(UTC) > RENEW_BEFORE
    return begun and lasts and set(map(_general_name, names)) <= set(named) and _is_by(certificate, authority)


def _is_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except Exception:  # noqa: BLE001 - the library names several, and all of them mean no
        return False
    return True


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, lasts: timedelta
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - _BACKDATED).not_valid_after(now + lasts)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, key_cert_sign=signs_certificates, crl_sign=signs_certificates,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _permitted(fleet_id: str) -> list[x509.GeneralName]:
    domains = [x509.DNSName(domain) for domain in permitted_domains(fleet_id)]
    return [*domains, *(x509.IPAddress(network) for network in PRIVATE_NETWORKS)]


def _general_name(text: str) -> x509.GeneralName:
    return x509.IPAddress(ip_address(text)) if is_ip(text) else x509.DNSName(text)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
