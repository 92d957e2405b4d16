"""The commands of the signing folder. Each takes its options from the command line and returns what to say."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from securesystemslib.signer import Key, Signer

from pi_auto.files import write_whole
from pi_auto.server.releases import signing
from pi_auto.server.releases.archives import Archive, read_archive, with_root
from pi_auto.server.releases.away import refuse_servers
from pi_auto.server.releases.desk import Desk
from pi_auto.server.releases.errors import ReleaseError
from pi_auto.server.releases.keyfiles import public_in
from pi_auto.server.releases.listed import check_authority
from pi_auto.server.releases.new_desk import make_desk
from pi_auto.server.releases.passphrases import Passphrases
from pi_auto.server.releases.roles import ROOT, TARGETS
from pi_auto.server.releases.signers import Signers
from pi_auto.wire.release import MOST_ARCHIVE, RELEASED, Release

_ONE = 1


def init(options: argparse.Namespace) -> str:
    """Make the folder."""
    refuse_servers(options.folder)
    numbers = (options.keys or _ONE, options.threshold or _ONE)
    _check_numbers(numbers)
    online, others = _public(options.online_key), _others(options)
    passphrase = Passphrases(options.passphrase_file).new()
    desk = make_desk(Desk(options.folder), online, others, numbers, passphrase, _now())
    said = [f"{desk.folder} holds the keys of a fleet's updates: {numbers[1]} of {numbers[0]} sign"]
    said += _waiting(desk)
    said.append("Keep it in two places, neither of them the server: without it nobody can ever release again")
    return "\n".join(said)


def rotate(options: argparse.Namespace) -> str:
    """Make the next root."""
    desk = _desk(options)
    online = _public(options.online_key) if options.online_key else None
    if not options.role and not online:
        raise ReleaseError("nothing is to be rotated; name --role root, --role targets or --online-key FILE")
    numbers = None
    if options.keys or options.threshold:
        numbers = (options.keys or _ONE, options.threshold or _ONE)
        _check_numbers(numbers)
    passphrases = Passphrases(options.passphrase_file)
    passphrase = passphrases.new() if options.role else ""
    made = signing.rotate(desk, options.role, _others(options), numbers, passphrase, online, _now())
    return _sign(desk, options, passphrases, made)


def renew(options: argparse.Namespace) -> str:
    """Make the next version of root or targets, with the same in it."""
    desk = _desk(options)
    signing.renew(desk, options.role, _now())
    return _sign(desk, options)


def build(options: argparse.Namespace) -> str:
    """Put the root into an archive."""
    desk = _desk(options)
    desk.signed_root()
    version = options.as_version
    if version and not RELEASED.match(version):
        raise ReleaseError(
            f"--as-version is {version!r}; allowed: a digit, and up to 62 letters, digits, and . + -"
        )
    archive = with_root(_archive(options.archive), desk.roots()[-1], version)
    write_whole(options.output, archive.octets, mode=0o755)
    return "\n".join([
        f"version  {archive.version}",
        f"counter  {desk.next_counter()}",
        f"sha256   {archive.sha256}",
        f"unpacked {archive.unpacked}",
    ])  # fmt: skip


def sign(options: argparse.Namespace) -> str:
    """List what is named, and sign."""
    desk = _desk(options)
    if options.archive:
        archive = _archive(options.archive)
        if archive.root is None:
            raise ReleaseError(f"{options.archive} holds no update root; make it with `release build`")
        signing.add_release(desk, archive, _release(desk, archive, options), _now())
    elif options.authority:
        card = _read(options.authority)
        check_authority(card)
        signing.add_authority(desk, card, _now())
    elif options.withdraw:
        signing.withdraw(desk, options.withdraw, _now())
    return _sign(desk, options)


def _release(desk: Desk, archive: Archive, options: argparse.Namespace) -> Release:
    return Release(
        version=archive.version,
        counter=desk.next_counter(),
        unpacked=archive.unpacked,
        built=archive.built,
        least_counter=options.least_counter,
        packages=tuple(options.packages),
        notes=options.notes,
    )


def _sign(
    desk: Desk, options: argparse.Namespace, passphrases: Passphrases | None = None, made: Sequence[Signer] = ()
) -> str:
    """Sign with what is at hand, and say what is lacking."""
    hand = Signers(desk.keys, options.key_files, passphrases or Passphrases(options.passphrase_file))
    hand.add(made)
    hand.add_others(options.signers, options.public_keys)

    def wanted(keyids: Iterable[str]) -> Sequence[Signer]:
        return hand.among(set(keyids))

    if not desk.waiting():
        return "nothing lacks a signature; name what is to be signed: --archive, --authority or --withdraw"
    desk.sign(wanted)
    said = _waiting(desk)
    return "\n".join(said or [f"signed; carry {desk.bundle} to the server and run `release publish` there"])


def _waiting(desk: Desk) -> list[str]:
    waiting = desk.waiting()
    if not waiting:
        return []
    said = f"waits for signatures: {', '.join(waiting)}; hand {desk.folder} to the next holder of a key, who runs"
    return [f"{said} `release sign DIR --key FILE`"]


def _desk(options: argparse.Namespace) -> Desk:
    refuse_servers(options.folder)
    return Desk(options.folder)


def _others(options: argparse.Namespace) -> dict[str, list[Key]]:
    return {
        ROOT: [_public(path) for path in options.root_keys],
        TARGETS: [_public(path) for path in options.targets_keys],
    }


def _public(path: Path) -> Key:
    return public_in(_read(path), str(path))


def _archive(path: Path) -> Archive:
    return read_archive(_read(path), str(path))


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_ARCHIVE:
            raise ReleaseError(f"{path} is larger than {MOST_ARCHIVE} bytes")
        return path.read_bytes()
    except OSError as error:
        raise ReleaseError(f"{path} cannot be read: {error.strerror}") from error


def _check_numbers(numbers: tuple[int, int]) -> None:
    count, threshold = numbers
    if threshold > count:
        raise ReleaseError(f"--threshold is {threshold} of --keys {count}; allowed: 1 to {count}")


def _now() -> datetime:
    return datetime.now(UTC)
