"""The signing folder, which never lies on a server: keys, and the bundle that is carried there.

    DIR/keys/<role>-<n>.v<root version>.json   secret keys, encrypted; each may be moved to another place
    DIR/counter                                the highest counter that was ever signed
    DIR/bundle/metadata/<n>.root.json          every root there was
    DIR/bundle/metadata/<n>.targets.json       the newest targets
    DIR/bundle/targets/…                       what they list, by its SHA-256

Whatever needs more signatures than the keys at hand can give waits in the bundle for the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from securesystemslib.signer import CryptoSigner, Key, Signer
from tuf.api.metadata import Metadata, Root, Targets

from pi_auto.files import write_whole
from pi_auto.server.releases import keyfiles
from pi_auto.server.releases.errors import ReleaseError
from pi_auto.server.releases.names import name_of, version_in
from pi_auto.server.releases.roles import (
    ROOT,
    TARGETS,
    follow,
    is_signed,
    read,
    sign_with,
)

Others = dict[str, list[Key]]  # public keys of a role whose secret halves are elsewhere
Wanted = Callable[[Iterable[str]], Sequence[Signer]]  # the signers at hand among the key ids


@dataclass(frozen=True, slots=True)
class Desk:
    """A signing folder that has been made."""

    folder: Path
    work: int = field(
        default_factory=lambda: keyfiles.WORK
    )  # what it costs to try a passphrase on a new key's file

    @property
    def keys(self) -> Path:
        """Where the secret keys lie, unless they were moved."""
        return self.folder / "keys"

    @property
    def bundle(self) -> Path:
        """What is carried to the server."""
        return self.folder / "bundle"

    def roots(self) -> list[bytes]:
        """Every root, the first one first. Raises ReleaseError where there is none."""
        found = self._versions(ROOT)
        if not found:
            raise ReleaseError(f"{self.folder} has no root; make keys with `pi-auto-server release keys init DIR`")
        return [found[version].read_bytes() for version in sorted(found)]

    def root(self) -> Metadata[Root]:
        """The newest root, signed or not."""
        return read(self.roots()[-1], Root, "the newest root")

    def before(self) -> Root | None:
        """The root before the newest one."""
        roots = self.roots()[:-1]
        return follow(roots) if roots else None

    def signed_root(self) -> Metadata[Root]:
        """The newest root, which must have all its signatures."""
        follow(self.roots())
        return self.root()

    def targets(self) -> Metadata[Targets] | None:
        """The newest targets, signed or not."""
        found = self._versions(TARGETS)
        return read(found[max(found)].read_bytes(), Targets, "the targets") if found else None

    def put_root(self, root: Metadata[Root]) -> None:
        """Keep a root beside those before it."""
        write_whole(self._metadata / name_of(ROOT, root.signed.version), root.to_bytes())

    def put_targets(self, targets: Metadata[Targets]) -> None:
        """Keep targets in place of those before them."""
        name = name_of(TARGETS, targets.signed.version)
        write_whole(self._metadata / name, targets.to_bytes())
        for version, path in self._versions(TARGETS).items():
            if version < targets.signed.version:
                path.unlink()

    def put_target(self, stored: str, octets: bytes) -> None:
        """Keep the file of a target, by its path under the folder of targets."""
        path = self.bundle / "targets" / stored
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, octets)

    def drop_target(self, stored: str) -> None:
        """Let go of the file of a target, which the targets list no more."""
        (self.bundle / "targets" / stored).unlink(missing_ok=True)

    def next_counter(self) -> int:
        """A counter that no release has had."""
        return self._counter() + 1

    def note_counter(self, counter: int) -> None:
        """Remember a counter, whatever is withdrawn later."""
        write_whole(self.folder / "counter", f"{max(counter, self._counter())}\n")

    def new_keys(self, role: str, number: int, version: int, passphrase: str) -> list[CryptoSigner]:
        """As many new keys of a role, for the root of that version, each in a file of its own."""
        made = [CryptoSigner.generate_ed25519() for _ in range(number)]
        for index, signer in enumerate(made, 1):
            path = self.keys / f"{role}-{index}.v{version}.json"
            write_whole(path, keyfiles.seal(signer, passphrase, work=self.work), mode=0o600)
        return made

    def sign(self, wanted: Wanted) -> None:
        """Give root and targets the signatures that they lack and the keys at hand can give."""
        root, before = self.root(), self.before()
        if not is_signed(root, before):
            lacking = {*root.signed.roles[ROOT].keyids, *(before.roles[ROOT].keyids if before else ())}
            sign_with(root, wanted(lacking - set(root.signatures)))
            self.put_root(root)
        targets = self.targets()
        if targets and self.lacks(root, targets):
            sign_with(targets, wanted(set(root.signed.roles[TARGETS].keyids) - set(targets.signatures)))
            self.put_targets(targets)

    def waiting(self) -> list[str]:
        """What still waits for signatures, in words."""
        root, targets = self.root(), self.targets()
        found = [] if is_signed(root, self.before()) else [f"root version {root.signed.version}"]
        if targets and (lacking := self.lacks(root, targets)):
            found.append(f"targets version {targets.signed.version} ({lacking} more)")
        return found

    def lacks(self, root: Metadata[Root], targets: Metadata[Targets]) -> int:
        """How many signatures the targets lack."""
        payload = targets.signed_bytes
        return root.signed.get_verification_result(TARGETS, payload, targets.signatures).missing

    @property
    def _metadata(self) -> Path:
        return self.bundle / "metadata"

    def _versions(self, role: str) -> dict[int, Path]:
        found = {path: version_in(path.name, role) for path in self._metadata.glob(f"*.{role}.json")}
        return {version: path for path, version in found.items() if version}

    def _counter(self) -> int:
        path = self.folder / "counter"
        return int(path.read_text()) if path.exists() else 0
