"""The signers at hand: keys' files, opened only when they are wanted, and signers of securesystemslib."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from securesystemslib.signer import CryptoSigner, Signer

from pi_auto.server.releases.errors import ReleaseError
from pi_auto.server.releases.keyfiles import public_in, unseal
from pi_auto.server.releases.passphrases import Passphrases


class Signers:
    """Those in `folder`, or the key files that are named."""

    def __init__(self, folder: Path, named: Sequence[Path], passphrases: Passphrases) -> None:
        self._files = list(named) or sorted(folder.glob("*.json"))
        self._passphrases = passphrases
        self._open: dict[str, Signer] = {}

    def add(self, signers: Iterable[Signer]) -> None:
        """Signers that are open already."""
        self._open |= {signer.public_key.keyid: signer for signer in signers}

    def add_others(self, uris: Sequence[str], public_keys: Sequence[Path]) -> None:
        """Signers by their URIs, each with a file of its public key. Raises ReleaseError."""
        if len(uris) != len(public_keys):
            raise ReleaseError(
                f"{len(uris)} --signer and {len(public_keys)} --public-key are named; allowed: as many"
            )
        for uri, path in zip(uris, public_keys, strict=True):
            try:
                key = public_in(path.read_bytes(), str(path))
                self.add([Signer.from_priv_key_uri(uri, key, self._secret)])
            except ReleaseError:
                raise
            except Exception as error:  # a signer of any kind, which may raise anything
                raise ReleaseError(f"the signer {uri.partition(':')[0]} cannot be used: {error}") from error

    def among(self, keyids: set[str]) -> list[Signer]:
        """Those of these keys, opened."""
        found = [signer for keyid, signer in self._open.items() if keyid in keyids]
        return found + [signer for path in self._files if (signer := self._opened(path, keyids))]

    def _opened(self, path: Path, keyids: set[str]) -> Signer | None:
        try:
            octets = path.read_bytes()
        except OSError as error:
            raise ReleaseError(f"{path} cannot be read: {error.strerror}") from error
        keyid = public_in(octets, str(path)).keyid
        if keyid in self._open or keyid not in keyids:
            return None
        signer = self._unsealed(octets, path)
        self.add([signer])
        return signer

    def _unsealed(self, octets: bytes, path: Path) -> CryptoSigner:
        wrong = ReleaseError(f"{path} is encrypted; name --passphrase-file FILE, or run this at a terminal")
        for passphrase in self._passphrases.known:
            try:
                return unseal(octets, str(path), passphrase)
            except ReleaseError as error:
                wrong = error
        asked = self._passphrases.ask(path.name)
        if asked is None:
            raise wrong
        return unseal(octets, str(path), asked)

    def _secret(self, name: str) -> str:
        asked = self._passphrases.known[0] if self._passphrases.known else self._passphrases.ask(name)
        if asked is None:
            raise ReleaseError(f"the signer wants its {name}; name --passphrase-file FILE, or use a terminal")
        return asked
