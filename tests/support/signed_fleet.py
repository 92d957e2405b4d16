"""A fleet's signed updates and the server that has them: python-tuf's metadata over real HTTP, with faults.

The repository is kept as the wire names its files, so that a test can tamper with any of them.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from securesystemslib.signer._crypto_signer import CryptoSigner
from tuf.api.metadata import (  # type: ignore[attr-defined,unused-ignore] # it does export them
    Metadata,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from pi_auto.client.endpoint import Endpoint
from pi_auto.wire.release import AUTHORITY_TARGET, Release, target_of
from pi_auto.wire.update import Offer

METADATA, DOWNLOAD = "/api/ota/metadata/", "/api/ota/download_update"
STATUS, CHECK = "/api/ota/update_status", "/api/ota/check_update"
ROLES = ("root", "targets", "snapshot", "timestamp")
Fault = Callable[["Handler", bytes], None]


@dataclass
class SignedFleet:
    """Its keys, what it has signed, and its server; start it with `with`. `asked` are paths with their Range."""

    signers: dict[str, CryptoSigner] = field(
        default_factory=lambda: {role: CryptoSigner.generate_ed25519() for role in ROLES}
    )
    files: dict[str, bytes] = field(default_factory=dict)  # of metadata, by name
    archives: dict[str, bytes] = field(default_factory=dict)  # by SHA-256
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    faults: dict[str, Fault] = field(default_factory=dict)  # by path, for as long as they are there
    answer: dict[str, Any] | None = None
    sent: int = 0  # bytes of bodies
    ranges: bool = True
    port: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.lasts = datetime.now(UTC).replace(microsecond=0) + timedelta(days=7)
        self.root, self.targets = Root(consistent_snapshot=True), Targets()
        self.snapshot, self.timestamp = Snapshot(), Timestamp()
        for role, signer in self.signers.items():
            self.root.add_key(signer.public_key, role)
        self.publish("root", "targets", "snapshot", "timestamp")
        self.trusted = self.files["1.root.json"].decode()

    def __enter__(self) -> Self:
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.fleet = self  # type: ignore[attr-defined]
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint.of(self.url)

    def release(self, version: str, archive: bytes, counter: int = 2, **changed: Any) -> Offer:
        """Sign a release, have the server have it, and tell how it is offered; `changed` in its custom part."""
        custom = Release(version, counter, max(1, len(archive)), 1_704_067_200).to_json() | changed
        update_id = self.sign(target_of(version), archive, custom)
        self.bump()
        return Offer(
            "0.1.0", version, update_id, target_of(version), counter, len(archive), update_id,
            f"{DOWNLOAD}?update_id={update_id}",
        )  # fmt: skip

    def authority(self, card: dict[str, Any]) -> str:
        """Sign the fleet's authority; its SHA-256."""
        update_id = self.sign(AUTHORITY_TARGET, json.dumps(card).encode(), {})
        self.bump()
        return update_id

    def sign(self, name: str, content: bytes, custom: dict[str, Any]) -> str:
        target = TargetFile.from_data(name, content, ["sha256"])
        target.unrecognized_fields["custom"] = custom
        self.targets.targets[name] = target
        update_id = hashlib.sha256(content).hexdigest()
        self.archives[update_id] = content
        return update_id

    def bump(self) -> None:
        """Publish new targets, snapshot and timestamp."""
        for role in (self.targets, self.snapshot, self.timestamp):
            role.version += 1
        self.publish("targets", "snapshot", "timestamp")

    def publish(self, *roles: str) -> None:
        """Sign what these roles are now, by their present keys."""
        for name in roles:
            role = getattr(self, name)
            role.expires = self.lasts
            if name == "snapshot":
                role.meta["targets.json"].version = self.targets.version
            elif name == "timestamp":
                role.snapshot_meta.version = self.snapshot.version
            signed = Metadata(role)
            signed.sign(self.signers[name])
            file = "timestamp.json" if name == "timestamp" else f"{role.version}.{name}.json"
            self.files[file] = signed.to_bytes()

    def rotate(self, role: str) -> None:
        """A new key for a role, in a new root that the old root's key and the new one have signed."""
        old = self.signers["root"]
        self.root.revoke_key(self.signers[role].public_key.keyid, role)
        self.signers[role] = CryptoSigner.generate_ed25519()
        self.root.add_key(self.signers[role].public_key, role)
        self.root.version += 1
        self.publish("root")
        if role == "root":
            signed = Metadata.from_bytes(self.files[f"{self.root.version}.root.json"])
            signed.sign(old, append=True)
            self.files[f"{self.root.version}.root.json"] = signed.to_bytes()

    def content(self, path: str, query: str) -> bytes | None:
        """What the server has at a path."""
        if path == DOWNLOAD:
            return self.archives.get(parse_qs(query)["update_id"][0])
        return self.files.get(path.removeprefix(METADATA))

    def count(self, path: str) -> int:
        return sum(1 for asked, _ in self.asked if asked.startswith(path))


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as the wire says."""

    protocol_version = "HTTP/1.1"

    @property
    def fleet(self) -> SignedFleet:
        return self.server.fleet  # type: ignore[attr-defined,no-any-return]

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.fleet.asked.append((parts.path, self.headers.get("Range")))
        self.fleet.tokens.append(self.headers.get("Authorization"))
        content = self._content(parts.path, parts.query)
        if fault := self.fleet.faults.get(parts.path):
            fault(self, content or b"")
        elif content is None:
            self.say(404, b'{"error": "there is no such thing"}')
        else:
            serve(self, self.fleet, content)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if fault := self.fleet.faults.get(self.path):
            fault(self, b"")
            return
        self.fleet.told.append(body)
        self.say(200, b'{"status": "received"}')

    def say(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
        self.fleet.sent += len(body)

    def _content(self, path: str, query: str) -> bytes | None:
        if path == CHECK:
            return json.dumps(self.fleet.answer).encode()
        return self.fleet.content(path, query)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def serve(handler: http.server.BaseHTTPRequestHandler, fleet: SignedFleet, content: bytes) -> None:
    """Answer with the content, or the part of it that is asked for."""
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", "")) if fleet.ranges else None
    start, end = 0, len(content) - 1
    if asked:
        start, end = int(asked[1]), min(int(asked[2] or end), end)
    handler.send_response(206 if asked else 200)
    handler.send_header("Content-Length", str(end + 1 - start))
    if asked:
        handler.send_header("Content-Range", f"bytes {start}-{end}/{len(content)}")
    handler.end_headers()
    handler.wfile.write(content[start : end + 1])
    fleet.sent += end + 1 - start


def status(code: int, **headers: str) -> Fault:
    """Answer with that status."""
    return lambda handler, _: handler.say(code, b'{"error": "planted"}', **headers)


def instead(body: bytes) -> Fault:
    """Answer 200 with another body."""
    return lambda handler, _: handler.say(200, body)


def drip(handler: Handler, content: bytes) -> None:
    """One byte a second, or what of it the other end has the patience for."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    try:
        for at in range(len(content)):
            handler.wfile.write(content[at : at + 1])
            handler.wfile.flush()
            if handler.server.fleet.stopped.wait(1.0):  # type: ignore[attr-defined]
                return
    except OSError:
        handler.close_connection = True


def cut_after(octets: int) -> Fault:
    """Promise all that was asked for, send so many bytes, and hang up."""

    def fault(handler: Handler, content: bytes) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        rest = content[start:]
        handler.send_response(206 if asked else 200)
        handler.send_header("Content-Length", str(len(rest)))
        if asked:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        handler.end_headers()
        handler.wfile.write(rest[:octets])
        handler.close_connection = True

    return fault
