"""A fleet that signs updates with its own keys, as the offline keys and the server would between them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

_ROLES = ("root", "targets", "snapshot", "timestamp")


class UpdateFleet:
    """Keys and the newest metadata. `publish` makes a target known; `files` are as a server serves them."""

    def __init__(self) -> None:
        self.keys = {role: CryptoSigner.generate_ed25519() for role in _ROLES}
        self.root = Root(consistent_snapshot=True, expires=_in(365))
        for role, key in self.keys.items():
            self.root.add_key(key.public_key, role)
        self.targets, self.snapshot, self.timestamp = Targets(expires=_in(365)), Snapshot(), Timestamp()
        self.roots = [self._signed(self.root, "root")]
        self.expires = _in(7)

    def publish(self, target: str, content: bytes, custom: Mapping[str, Any]) -> str:
        """Sign a target; its SHA-256."""
        about = TargetFile.from_data(target, content, ["sha256"])
        about.unrecognized_fields["custom"] = dict(custom)
        self.targets.targets[target] = about
        self.targets.version += 1
        return hashlib.sha256(content).hexdigest()

    def rotate_root(self) -> None:
        """A new version of the root with another key for targets, signed by the root's key."""
        self.root.revoke_key(self.keys["targets"].public_key.keyid, "targets")
        self.keys["targets"] = CryptoSigner.generate_ed25519()
        self.root.add_key(self.keys["targets"].public_key, "targets")
        self.root.version += 1
        self.roots.append(self._signed(self.root, "root"))

    def files(self) -> dict[str, bytes]:
        """All metadata, newly signed, under the names that a device is handed them by."""
        self.snapshot.version += 1
        self.timestamp.version += 1
        self.snapshot.meta["targets.json"] = MetaFile(self.targets.version)
        self.timestamp.snapshot_meta = MetaFile(self.snapshot.version)
        self.snapshot.expires = self.timestamp.expires = self.expires
        return {
            **{f"{number}.root.json": root for number, root in enumerate(self.roots, 1) if number > 1},
            "targets.json": self._signed(self.targets, "targets"),
            "snapshot.json": self._signed(self.snapshot, "snapshot"),
            "timestamp.json": self._signed(self.timestamp, "timestamp"),
        }

    def _signed(self, part: Any, role: str) -> bytes:
        metadata = Metadata(part)
        metadata.sign(self.keys[role])
        octets: bytes = metadata.to_bytes()
        return octets


def hand_over(folder: Path, archive: bytes, metadata: Mapping[str, bytes], request: Mapping[str, str]) -> None:
    """Fill `ready/` in the agent's folder as the agent does: the folder gets its name last."""
    filling = folder / "update" / "filling"
    (filling / "metadata").mkdir(parents=True)
    (filling / "archive").write_bytes(archive)
    for name, content in metadata.items():
        (filling / "metadata" / name).write_bytes(content)
    (filling / "request.json").write_text(json.dumps(request))
    filling.rename(folder / "update" / "ready")


def _in(days: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
