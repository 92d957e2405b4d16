#!/usr/bin/env python3
"""The command line of the public TUF conformance suite, through the code by which the agent takes updates.

    tuf_client.py --metadata-dir D init ROOT
    tuf_client.py --metadata-dir D --metadata-url U refresh
    tuf_client.py --metadata-dir D --metadata-url U --target-name N --target-base-url B --target-dir T download

The exit code is 0, or 1 with the reason on standard error.
Source: CLIENT-CLI.md of theupdateframework/tuf-conformance.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from urllib.parse import quote, urlsplit

from pi_auto.client.agent.errors import ApiError
from pi_auto.client.agent.update.channel import Channel
from pi_auto.client.agent.update.download import Wanted, download, verify
from pi_auto.client.agent.update.metadata import SignedWorld
from pi_auto.client.agent.update.target import Target
from pi_auto.client.agent.update.trouble import Wrong
from pi_auto.client.endpoint import Endpoint

_TRUSTED = "trusted_root"  # what a fleet card is to a device


def main() -> int:
    """Do what is asked; the exit code."""
    arguments = _parser().parse_args()
    try:
        if arguments.command == "init":
            _init(arguments.metadata_dir, arguments.root)
            return 0
        channel = _channel(arguments.metadata_url)
        world = _world(arguments, channel)
        world.refresh()
        if arguments.command == "download":
            _download(arguments, world, channel)
    except (ApiError, Wrong, OSError) as error:
        print(f"tuf_client: {error}", file=sys.stderr)
        return 1
    return 0


def _init(folder: Path, root: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in (_TRUSTED, "root.json"):
        (folder / name).write_bytes(root.read_bytes())


def _world(arguments: argparse.Namespace, channel: Channel) -> SignedWorld:
    root = (arguments.metadata_dir / _TRUSTED).read_bytes()
    base = urlsplit(arguments.metadata_url).path
    return SignedWorld(arguments.metadata_dir, channel, root, base)


def _download(arguments: argparse.Namespace, world: SignedWorld, channel: Channel) -> None:
    target = world.target(arguments.target_name)
    channel.close()  # a server may serve one connection at a time
    file = arguments.target_dir / quote(target.path, "")
    file.parent.mkdir(parents=True, exist_ok=True)
    wanted = Wanted(_path(arguments.target_base_url, target, world), target.length, target.check)
    if not _is_there(file, wanted):
        download(_channel(arguments.target_base_url), wanted, file)


def _is_there(file: Path, wanted: Wanted) -> bool:
    try:
        verify(file, wanted)
    except (OSError, Wrong):
        return False
    return True


def _path(base: str, target: Target, world: SignedWorld) -> str:
    """Where a repository has it: with consistent snapshots, under a name that begins with a hash of it."""
    folder, slash, name = target.path.rpartition("/")
    hashed = f"{next(iter(target.hashes.values()))}.{name}" if world.has_consistent_snapshots else name
    return f"{urlsplit(base).path.rstrip('/')}/{folder}{slash}{hashed}"


def _channel(url: str) -> Channel:
    parts = urlsplit(url)
    return Channel(Endpoint.of(f"{parts.scheme}://{parts.netloc}"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metadata-dir", type=Path, required=True)
    for option in ("--metadata-url", "--target-name", "--target-base-url"):
        parser.add_argument(option)
    parser.add_argument("--target-dir", type=Path)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("init").add_argument("root", type=Path)
    commands.add_parser("refresh")
    commands.add_parser("download")
    return parser


if __name__ == "__main__":
    sys.exit(main())
