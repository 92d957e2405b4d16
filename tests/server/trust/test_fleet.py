"""The fleet is made once, whatever happens, and only the right server passes for it. With real TLS."""

from __future__ import annotations

import secrets
import socket
import ssl
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pi_auto.server.trust.authority import sealed_file
from pi_auto.server.trust.certificates import RENEW_BEFORE, SERVER_LASTS, new_key, server_certificate
from pi_auto.server.trust.errors import TrustError
from pi_auto.server.trust.fleet import Fleet, open_fleet
from pi_auto.server.trust.names import why_not
from pi_auto.server.trust.sealing import CREDENTIAL, key_file
from pi_auto.server.trust.signatures import is_signed_by
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.fleet_proof import FleetProof
from pi_auto.wire.server_address import ServerAddress
from pi_auto.wire.signed import PROOF, Signed
from pi_auto.wire.strict_json import write_plainly
from support.device_keys import DeviceKey, openssl_verifies
from support.power import PowerCut, power_cut

NOW = datetime.now(UTC)
NAMES = ("fleet.local", "192.168.1.5")
FLEET = "a1b2c3d4e5f6"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def fleet(data: Path) -> Fleet:
    return open_fleet(data, None, NAMES, NOW)


def served(fleet: Fleet) -> bytes:
    return fleet.certificate.file.read_bytes()


def leaf(fleet: Fleet) -> x509.Certificate:
    return x509.load_pem_x509_certificate(served(fleet))


def test_a_second_start_finds_the_same_fleet_and_the_same_certificate(data: Path, fleet: Fleet) -> None:
    before = served(fleet)
    again = open_fleet(data, None, NAMES, NOW + timedelta(days=1))
    assert again.card(()) == fleet.card(())
    assert served(again) == before


def test_no_file_of_the_fleet_is_for_others_and_none_holds_a_key_in_the_clear(data: Path, fleet: Fleet) -> None:
    files = [*(path for path in data.rglob("*") if path.is_file()), data.with_name("data.key")]
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600] * 3
    kept = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
    for key in (fleet.authority.ca_key, fleet.authority.fleet_key):
        assert key.private_numbers().private_value.to_bytes(32, "big") not in kept
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in kept
    assert b"BEGIN PRIVATE KEY" not in kept
    assert fleet.certificate.password not in repr(fleet)


def test_the_power_may_go_at_any_moment_of_the_first_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuts = 0
    while True:
        data = tmp_path / f"{cuts}" / "data"
        data.mkdir(parents=True)
        finished, calls = False, 0
        with power_cut(monkeypatch, cuts) as told:
            try:
                open_fleet(data, None, NAMES, NOW)
                finished = True
            except PowerCut:
                pass
            calls = told()
        sealed = sealed_file(data).read_bytes() if sealed_file(data).exists() else None
        fleet = open_fleet(data, None, NAMES, NOW)
        assert sealed in (None, sealed_file(data).read_bytes())
        assert open_fleet(data, None, NAMES, NOW).card(()) == fleet.card(())
        leaf(fleet).verify_directly_issued_by(fleet.authority.certificate)  # raises if it is not
        if finished:
            break
        cuts += 1
    assert cuts == calls > 10


def test_of_two_first_starts_at_once_one_fleet_comes(data: Path) -> None:
    cards: list[FleetCard] = []
    threads = [
        threading.Thread(target=lambda: cards.append(open_fleet(data, None, NAMES, NOW).card(())))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cards) == 8
    assert len(set(cards)) == 1


@pytest.mark.parametrize(
    ("later", "names", "kept"),
    [
        (timedelta(days=1), NAMES, True),
        (SERVER_LASTS - RENEW_BEFORE - timedelta(days=1), NAMES, True),
        (SERVER_LASTS - RENEW_BEFORE + timedelta(days=1), NAMES, False),
        (timedelta(days=-3), NAMES, False),  # made by a clock that has been put right since
        (timedelta(0), ("fleet.local", "192.168.1.6"), False),
    ],
)
def test_the_certificate_is_made_anew_when_it_has_to(
    data: Path, fleet: Fleet, later: timedelta, names: tuple[str, ...], kept: bool
) -> None:
    before = served(fleet)
    again = open_fleet(data, None, names, NOW + later)
    assert (served(again) == before) is kept
    assert again.card(()) == fleet.card(())


def test_a_damaged_certificate_is_made_anew(data: Path, fleet: Fleet) -> None:
    for broken in (b"", b"no certificate", served(fleet).split(b"-----BEGIN ENC")[0]):
        fleet.certificate.file.write_bytes(broken)
        again = open_fleet(data, None, NAMES, NOW)
        leaf(again).verify_directly_issued_by(fleet.authority.certificate)  # raises if it is not


def test_a_lost_key_file_stops_the_server_and_makes_no_second_fleet(data: Path, fleet: Fleet) -> None:
    data.with_name("data.key").unlink()
    with pytest.raises(TrustError, match="is missing"):
        open_fleet(data, None, NAMES, NOW)
    assert not data.with_name("data.key").exists()
    data.with_name("data.key").write_bytes(b"pi-auto key 1 %s\n" % secrets.token_hex(32).encode())
    data.with_name("data.key").chmod(0o600)
    with pytest.raises(TrustError, match="does not open"):
        open_fleet(data, None, NAMES, NOW)
    assert fleet.fleet_id


@pytest.mark.parametrize(
    ("mode", "content", "told"),
    [
        (0o644, b"pi-auto key 1 " + b"a" * 64 + b"\n", "chmod 600"),
        (0o600, b"", "holds no key"),
        (0o600, b"pi-auto key 1 " + b"a" * 63 + b"\n", "holds no key"),
        (0o600, b"x" * 10_000_000, "holds no key"),
    ],
)
def test_a_key_file_that_will_not_do_is_told(data: Path, mode: int, content: bytes, told: str) -> None:
    file = data.with_name("own.key")
    file.write_bytes(content)
    file.chmod(mode)
    with pytest.raises(TrustError, match=told):
        open_fleet(data, file, NAMES, NOW)
    assert not sealed_file(data).exists()


def test_a_folder_in_the_place_of_the_key_file_is_told_and_its_mode_let_alone(data: Path) -> None:
    folder = data.with_name("own.key")
    folder.mkdir(mode=0o755)
    with pytest.raises(TrustError, match="is a folder"):
        open_fleet(data, folder, NAMES, NOW)


def test_the_key_file_lies_outside_the_data_folder(data: Path, tmp_path: Path) -> None:
    assert key_file(data, None, {}) == tmp_path / "data.key"
    assert key_file(data, tmp_path / "own", {}) == tmp_path / "own"
    (tmp_path / CREDENTIAL).touch()
    assert key_file(data, None, {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == tmp_path / CREDENTIAL
    (tmp_path / "link").symlink_to(data)
    for inside in (data / "key", data / "trust" / "key", tmp_path / "link" / "key"):
        with pytest.raises(TrustError, match="--key-file"):
            key_file(data, inside, {})


def test_the_card_is_read_by_devices_and_openssl_finds_the_proof_good(tmp_path: Path, fleet: Fleet) -> None:
    card = FleetCard.parse(write_plainly(fleet.card([ServerAddress("192.168.1.5")]).to_json()))
    nonce = secrets.token_urlsafe(32)
    signed = Signed.from_json(fleet.prove(nonce, NOW).to_json(), PROOF)
    assert is_signed_by(card.fleet_key, signed)
    assert openssl_verifies(card.fleet_key, signed, tmp_path)
    proof = FleetProof.from_json(signed.content())
    assert proof.proves(card.fleet_id, nonce, card.server_name) is None
    assert proof.proves(card.fleet_id, nonce, "fleet.local") is None
    assert abs(proof.time - NOW) < timedelta(milliseconds=1)


def test_a_signature_of_another_key_or_of_no_form_is_not_good(tmp_path: Path, fleet: Fleet) -> None:
    signed = fleet.prove("n" * 43, NOW)
    assert not is_signed_by(DeviceKey(tmp_path).public, signed)
    for signature in (b"", b"\x30\x00", signed.signature[:-1], bytes(72)):
        assert not is_signed_by(fleet.authority.public_key, replace(signed, signature=signature))


@contextmanager
def listening(certificate: Path, password: str | None) -> Iterator[int]:
    """A TLS server with that certificate; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, password=password)
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                try:
                    with connection, context.wrap_socket(connection, server_side=True) as spoken:
                        spoken.sendall(b"hello")
                except OSError:
                    continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def ask(port: int, ca: str, name: str) -> bytes:
    """What a device hears that trusts `ca` alone and wants a server called `name`."""
    context = ssl.create_default_context(cadata=ca)
    plain = socket.create_connection(("127.0.0.1", port), timeout=10)
    with plain, context.wrap_socket(plain, server_hostname=name) as spoken:
        return spoken.recv(5)


def test_a_device_that_dials_any_address_verifies_the_fleets_name(fleet: Fleet, tmp_path: Path) -> None:
    card = fleet.card(())
    other = tmp_path / "other"
    other.mkdir()
    with listening(fleet.certificate.file, fleet.certificate.password) as port:
        for name in (card.server_name, "fleet.local", "192.168.1.5", "127.0.0.1", "localhost"):
            assert ask(port, card.ca, name) == b"hello"
        with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
            ask(port, card.ca, f"{FLEET}.pi-auto")
        with pytest.raises(ssl.SSLCertVerificationError):
            ask(port, open_fleet(other, None, (), NOW).card(()).ca, card.server_name)


@pytest.mark.parametrize("name", ["www.example.org", "8.8.8.8", f"{FLEET}.pi-auto"])
def test_the_authority_cannot_vouch_for_other_peoples_names(fleet: Fleet, tmp_path: Path, name: str) -> None:
    key = new_key()
    authority = fleet.authority
    forged = server_certificate(authority.fleet_id, (name,), key.public_key(), authority.ca_key, NOW)
    refused = pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree")
    with listening(_pem(tmp_path, forged, key), None) as port, refused:
        ask(port, fleet.card(()).ca, name)


def test_the_command_line_of_openssl_finds_the_chain_good(fleet: Fleet, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text(fleet.card(()).ca)
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", str(ca)]
    told = subprocess.run([*command, str(fleet.certificate.file)], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize(
    ("name", "possible"),
    [
        (f"{FLEET}.pi-auto", True), ("Fleet.Local", True), ("till.home.arpa", True), ("a.lan", True),
        ("10.1.2.3", True), ("fe80::1", True), ("fd00::1", True), ("100.64.0.1", True),
        ("example.org", False), ("fleet", False), ("local.example.org", False), ("xlocal", False),
        ("8.8.8.8", False), ("2001:db8::1", False), ("b1b2c3d4e5f6.pi-auto", False), ("a b.local", False),
    ],
)  # fmt: skip
def test_only_private_names_can_be_had(name: str, possible: bool) -> None:
    assert (why_not(name, FLEET) is None) is possible


def _pem(folder: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Path:
    file = folder / "forged.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(certificate.public_bytes(Encoding.PEM) + secret)
    return file
