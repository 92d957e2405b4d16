"""Whether a bundle may be published: by what the server holds, never by what the bundle says. Pure.

The first root that a server is given is believed for who gives it; every later one has to be signed by
the keys of the one before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tuf.api.metadata import Root, Targets

from pi_auto.server.releases.errors import ReleaseError
from pi_auto.server.releases.listed import Listed, authority_counter, authority_in, releases_in
from pi_auto.server.releases.names import name_of
from pi_auto.server.releases.roles import ONLINE, ROOT, TARGETS, follow, read, verify


@dataclass(frozen=True, slots=True)
class Accepted:
    """What is to be served from now on, but for what the server signs: files by name, and what they mean."""

    files: dict[str, bytes]
    root: Root
    targets: Targets | None
    releases: list[Listed]


def accept(
    held_roots: Sequence[bytes], held_targets: bytes | None, roots: Mapping[int, bytes], targets: bytes | None,
    online: str, now: datetime,
) -> Accepted:  # fmt: skip
    """Judge a bundle's metadata; `online` is the id of this server's key. Raises ReleaseError."""
    chain = _chain(held_roots, roots)
    root = follow(chain)
    _check_root(root, online, now)
    files = {name_of(ROOT, number): octets for number, octets in enumerate(chain, _first(chain))}
    if targets is None:
        targets = held_targets
    if targets is None:
        return Accepted(files, root, None, [])
    said = verify(root, read(targets, Targets, "the targets"), f"targets version {_version(targets)}")
    _check_targets(said, held_targets, targets, now)
    authority_in(said)
    return Accepted(files | {name_of(TARGETS, said.version): targets}, root, said, releases_in(said))


def _chain(held: Sequence[bytes], new: Mapping[int, bytes]) -> list[bytes]:
    """What is held and what follows it."""
    if not held and not new:
        raise ReleaseError("the bundle holds no root; name the `bundle` of a signing folder")
    if not held:
        return [new[version] for version in sorted(new)]
    first = _first(held)
    for number, octets in enumerate(held, first):
        if new.get(number, octets) != octets:
            raise ReleaseError(f"root version {number} is not the one that this fleet has: these are other keys")
    return [*held, *(new[version] for version in sorted(new) if version >= first + len(held))]


def _check_root(root: Root, online: str, now: datetime) -> None:
    for role in ONLINE:
        held = root.roles[role]
        if online not in held.keyids or held.threshold != 1:
            raise ReleaseError(
                f"root version {root.version} does not name this server's key {online[:16]}… for {role}; make keys"
                " with what `pi-auto-server release online-key` prints, or `release keys rotate --online-key FILE`"
            )
    if root.is_expired(now):
        raise ReleaseError(
            f"root version {root.version} expired {root.expires:%Y-%m-%d}; run `release keys renew`"
        )


def _check_targets(said: Targets, held: bytes | None, octets: bytes, now: datetime) -> None:
    if said.is_expired(now):
        raise ReleaseError(f"the targets expired {said.expires:%Y-%m-%d}; run `release keys renew --role targets`")
    before = read(held, Targets, "the targets that are served").signed if held else None
    if before and said.version < before.version:
        raise ReleaseError(
            f"the targets are version {said.version}; version {before.version} is published already"
        )
    if before and said.version == before.version and held != octets and before != said:
        raise ReleaseError(
            f"another version {said.version} of the targets is published already; sign the next one"
        )
    if before and (old := authority_in(before)):
        new = authority_in(said)
        if new is None or (new.hashes != old.hashes and authority_counter(new) <= authority_counter(old)):
            raise ReleaseError("the fleet's authority is not the one that is published, nor a newer one")
    for one in releases_in(before) if before else []:
        same = said.targets.get(one.release.target)
        if same and same.hashes != before.targets[one.release.target].hashes:  # type: ignore[union-attr]
            raise ReleaseError(f"version {one.release.version} was another file when it was published")


def _first(chain: Sequence[bytes]) -> int:
    return read(chain[0], Root, "the first root").signed.version


def _version(targets: bytes) -> int:
    return read(targets, Targets, "the targets").signed.version
