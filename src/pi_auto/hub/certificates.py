"""A certificate for a hub that was given none: an authority of its own and a server it vouches for.

P-256, kept in the data folder, made once; the server's certificate is made anew when it
nears its end or the hub's name has changed, so that believers of the authority go on believing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pi_auto.files import write_whole

_AUTHORITY_LASTS, _SERVER_LASTS = timedelta(days=3650), timedelta(days=397)
_RENEW_BEFORE = timedelta(days=30)
_BACKDATED = timedelta(days=1)  # a device's clock may be behind


def authority_file(data: Path) -> Path:
    """What those who are to trust the hub load."""
    return data / "tls" / "ca.pem"


def ensure(data: Path, name: str, host: str) -> tuple[Path, Path]:
    """Certificate and key files of a server that is called `name` and listens on `host`."""
    folder = data / "tls"
    folder.mkdir(mode=0o700, exist_ok=True)
    certificate = folder / "server.pem"  # with its key: both change in one rename
    wanted = _names(name, host)
    if not _serves(certificate, wanted):
        authority, key = _authority(folder)
        write_whole(certificate, _server(authority, key, name, wanted), mode=0o600)
    return certificate, certificate


def _names(name: str, host: str) -> list[x509.GeneralName]:
    texts = dict.fromkeys((name, host, "localhost", "127.0.0.1", "::1"))
    return [_general_name(text) for text in texts if text not in ("0.0.0.0", "::")]  # noqa: S104 - no name


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _serves(certificate: Path, wanted: list[x509.GeneralName]) -> bool:
    try:
        known = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    named = list(known.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    return named == wanted and known.not_valid_after_utc - datetime.now(UTC) > _RENEW_BEFORE


def _authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """The authority in `folder`, made when there is none. Its key is written before whoever is to trust it."""
    key_file, certificate_file = folder / "ca.key", folder / "ca.pem"
    if certificate_file.exists():
        key = load_pem_private_key(key_file.read_bytes(), None)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return x509.load_pem_x509_certificate(certificate_file.read_bytes()), key
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pi-auto-hub authority")])
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip
    builder = _certificate(name, name, key.public_key(), _AUTHORITY_LASTS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    certificate = builder.add_extension(usage, critical=True).sign(key, hashes.SHA256())
    write_whole(key_file, _pem(key), mode=0o600)
    write_whole(certificate_file, certificate.public_bytes(Encoding.PEM))
    return certificate, key


def _server(
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    name: str,
    names: list[x509.GeneralName],
) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    signer = authority_key.public_key()
    certificate = (
        _certificate(subject, authority.subject, key.public_key(), _SERVER_LASTS)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM) + authority.public_bytes(Encoding.PEM) + _pem(key)


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, lasts: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - _BACKDATED)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key)
    return builder.not_valid_after(now + lasts).add_extension(identifier, critical=False)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
