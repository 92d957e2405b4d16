"""Signed releases for tests: a signing folder as `pi-auto-server release` makes it, and what is served of it.

repository = SignedReleases(folder)          keys, a root, targets that list nothing
repository.release("2.1.0")                  the present code as a signed release; its Release
with repository.serving() as url:            metadata at url/metadata/, archives at url/targets/
    ...                                      as a server serves them, by plain HTTP and without a token
repository.root                              the text that a fleet card holds as `update_root`
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner

from pi_auto.server.releases import signing
from pi_auto.server.releases.archives import read_archive, with_root
from pi_auto.server.releases.desk import Desk
from pi_auto.server.releases.new_desk import make_desk
from pi_auto.server.releases.passphrases import Passphrases
from pi_auto.server.releases.resigning import sign_online
from pi_auto.server.releases.signers import Signers
from pi_auto.wire.release import Release

PASSPHRASE = "four words for tests"
BUILT = 1_704_067_200


def small_archive(version: str, files: Mapping[str, bytes] | None = None) -> bytes:
    """An archive of the form of a release, with little in it."""
    held = {
        "__main__.py": b"print('hello')\n",
        "appliance/version": f"{version}\n".encode(),
        "appliance/built": f"{BUILT}\n".encode(),
        "pi_auto/version.py": f'__version__ = "{version}"\n'.encode(),
    } | dict(files or {})
    packed = io.BytesIO(b"#!/usr/bin/env python3\n")
    packed.seek(0, io.SEEK_END)
    with zipfile.ZipFile(packed, "a") as archive:
        for name in sorted(held):
            member = zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0))
            member.create_system, member.external_attr = 3, 0o100644 << 16
            archive.writestr(member, held[name])
    return packed.getvalue()


class SignedReleases:
    """Keys and releases under `folder`; `now` is when they are signed."""

    def __init__(
        self,
        folder: Path,
        *,
        online: CryptoSigner | None = None,
        numbers: tuple[int, int] = (1, 1),
        now: datetime | None = None,
    ) -> None:
        self.folder, self.served = folder, folder / "served"
        self.now = now or datetime.now(UTC)
        self.online = online or CryptoSigner.generate_ed25519()
        self._passphrase = folder / "passphrase"
        folder.mkdir(parents=True, exist_ok=True)
        self._passphrase.write_text(PASSPHRASE)
        self._passphrase.chmod(0o600)
        self.desk = self._make(numbers)

    @property
    def root(self) -> str:
        """The newest root."""
        return self.desk.roots()[-1].decode()

    @property
    def first_root(self) -> str:
        """The one that a card holds which was handed out at the beginning."""
        return self.desk.roots()[0].decode()

    def release(self, version: str, files: Mapping[str, bytes] | None = None, **said: Any) -> Release:
        """List a small release, and sign."""
        return self.release_archive(small_archive(version, files), **said)

    def release_archive(self, octets: bytes, **said: Any) -> Release:
        """List this archive, with the root put in, and sign."""
        archive = with_root(read_archive(octets, "the archive"), self.root.encode())
        plain = {"counter": self.desk.next_counter(), "unpacked": archive.unpacked, "built": archive.built}
        release = Release(archive.version, **(plain | said))
        signing.add_release(self.desk, archive, release, self.now)
        self.sign()
        return release

    def authority(self, card: bytes) -> None:
        """List a fleet card as the fleet's authority, and sign."""
        signing.add_authority(self.desk, card, self.now)
        self.sign()

    def withdraw(self, version: str) -> None:
        """List it no more, and sign."""
        signing.withdraw(self.desk, version, self.now)
        self.sign()

    def rotate(self, *roles: str, online: CryptoSigner | None = None) -> None:
        """Other keys for roles, or for the server, and all the signatures that this takes."""
        key = online.public_key if online else None
        signing.rotate(self.desk, roles, {}, None, PASSPHRASE, key, self.now)
        self.online = online or self.online
        self.sign()

    def sign(self, *key_files: Path) -> None:
        """Sign with these keys' files, or with all that there are."""
        hand = Signers(self.desk.keys, key_files, Passphrases(self._passphrase))
        self.desk.sign(lambda keyids: hand.among(set(keyids)))

    def publish(self) -> None:
        """Lay out what a server serves, with snapshot and timestamp signed now; for tests without a server."""
        metadata = self.served / "metadata"
        metadata.mkdir(parents=True, exist_ok=True)
        for path in (self.desk.bundle / "metadata").iterdir():
            (metadata / path.name).write_bytes(path.read_bytes())
        targets = self.desk.targets()
        assert targets
        held = [path.read_bytes() for path in sorted(metadata.glob("*.snapshot.json"))]
        stamp = metadata / "timestamp.json"
        before = (held[-1] if held else None, stamp.read_bytes() if stamp.exists() else None)
        for name, octets in sign_online(targets.to_bytes(), before, self.online, self.now).items():
            (metadata / name).write_bytes(octets)
        for path in filter(Path.is_file, (self.desk.bundle / "targets").rglob("*")):
            place = self.served / "targets" / path.relative_to(self.desk.bundle / "targets")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())

    def pass_by(self, span: timedelta) -> None:
        """Let time pass until the next signature."""
        self.now += span

    def archive_of(self, release: Release) -> Path:
        """The file of a release."""
        (found,) = (self.desk.bundle / "targets" / "client" / release.version).iterdir()
        return found

    def update_id(self, release: Release) -> str:
        """Its SHA-256."""
        return hashlib.sha256(self.archive_of(release).read_bytes()).hexdigest()

    @contextmanager
    def serving(self) -> Iterator[str]:
        """What was published last, by HTTP; the URL it begins with."""
        self.publish()
        with serving(self.served) as url:
            yield url

    def _make(self, numbers: tuple[int, int]) -> Desk:
        desk = Desk(self.folder / "desk", work=4)  # scrypt is slow, which is its purpose
        return make_desk(desk, self.online.public_key, {}, numbers, PASSPHRASE, self.now)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A folder by HTTP; its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def expiry(octets: bytes) -> str:
    """Until when metadata are good, as they say it."""
    return str(json.loads(octets)["signed"]["expires"])
