"""The commands `release …` of `pi-auto-server`: those of the server, and those of the place where the keys are.

Keys never come near a server, so the commands that use them refuse a folder that belongs to one. No
passphrase is ever an argument: it is asked for, or read from a file.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pi_auto.files import write_whole
from pi_auto.server.admin import teaching
from pi_auto.server.admin.asking import action_of, ask, group_of
from pi_auto.server.data_folder import fleets_data
from pi_auto.server.releases.errors import ReleaseError
from pi_auto.server.releases.words import listed, published
from pi_auto.server.sizing import whole

_ROLES = ("root", "targets")
_LARGEST_COPY = 512 * 1024 * 1024  # bytes of a whole bundle


def add_release(commands: Any) -> None:
    """Add them to a command line."""
    group = group_of(commands, "release", "make, sign and publish releases of the client", teaching.RELEASE)
    keys = group_of(group, "keys", "the keys that sign releases, away from the server")
    _add_init(keys)
    _add_rotate(keys)
    renew = _at_desk(keys, "renew", "let root or targets be good for longer", "renew")
    renew("--role", choices=_ROLES, required=True, help="what is to be renewed")
    _add_signers(renew)
    _add_build(group)
    _add_sign(group)
    _add_server(group)


def _add_init(keys: Any) -> None:
    add = _at_desk(keys, "init", "make keys and the root of a fleet's updates, in a new folder", "init")
    add("--online-key", metavar="FILE", type=Path, required=True,
        help="what `pi-auto-server release online-key` printed on the server")  # fmt: skip
    _add_numbers(add, "1")
    _add_passphrase(add)


def _add_rotate(keys: Any) -> None:
    add = _at_desk(keys, "rotate", "make a new root with other keys, signed by the old keys and the new", "rotate")
    add("--role", choices=_ROLES, action="append", default=[], help="whose keys are replaced, maybe twice")
    add("--online-key", metavar="FILE", type=Path, help="the server's new key, when the old one may be stolen")
    _add_numbers(add, "as many as before")
    _add_signers(add)


def _add_build(group: Any) -> None:
    add = _at_desk(group, "build", "put the fleet's root into an archive of script/dist", "build")
    add("--archive", metavar="FILE", type=Path, required=True, help="pi_auto_client.py as script/dist makes it")
    add("--output", metavar="FILE", type=Path, required=True, help="where to write the release")
    add("--as-version", metavar="VERSION", help="release the same code once more under another version")


def _add_sign(group: Any) -> None:
    add = _at_desk(group, "sign", "list a release or the fleet's authority, or only add signatures", "sign")
    what = group.choices["sign"].add_mutually_exclusive_group()
    what.add_argument("--archive", metavar="FILE", type=Path, help="a release that `release build` has made")
    what.add_argument("--authority", metavar="CARD", type=Path, help="a fleet card that devices are to take over")
    what.add_argument("--withdraw", metavar="VERSION", help="list this release no more")
    add("--notes", metavar="TEXT", default="", help="what the release brings, for the operator")
    add("--least-counter", metavar="N", type=whole(0, 2**53), default=0,
        help="the oldest release, by its counter, from which it may be taken (%(default)s)")  # fmt: skip
    add("--package", dest="packages", metavar="NAME", action="append", default=[],
        help="a Debian package without which it does not run, several times")  # fmt: skip
    _add_signers(add)


def _add_server(group: Any) -> None:
    add = action_of(group, "online-key", "print the public half of the server's own key", "online key", _key)
    add("--renew", action="store_true", help="make another one, when the old one may be stolen")
    add = action_of(group, "publish", "adopt a signed bundle, and serve it from now on", "release publish", str)
    add("folder", metavar="BUNDLE", type=Path, help="the folder `bundle` of a signing folder")
    group.choices["publish"].set_defaults(command=_publish)
    add = action_of(group, "adopt-root", "put a root into the cards from now on, and publish nothing yet",
                    "release publish", str)  # fmt: skip
    add("file", metavar="ROOT", type=Path, help="1.root.json, or the newest one, of a signing folder's bundle")
    group.choices["adopt-root"].set_defaults(command=_adopt_root)
    action_of(group, "list", "list what was published, and how long it is good", "release list", listed)
    add = action_of(group, "withdraw", "offer a release to no more devices, at once", "release withdraw",
                    lambda a: f"{a['version']} is offered no more")  # fmt: skip
    add("version", metavar="VERSION")


def _at_desk(group: Any, name: str, about: str, action: str) -> Callable[..., Any]:
    """An action at the signing folder, done by `at_desk`'s function of that name."""
    made = group.add_parser(name, help=about, description=about)
    made.add_argument("folder", metavar="DIR", type=Path, help="the signing folder, which lies on no server")

    def run(options: argparse.Namespace) -> str:
        from pi_auto.server.releases import at_desk  # noqa: PLC0415 - --help does not need it

        said: str = getattr(at_desk, action)(options)
        return said

    made.set_defaults(command=run)
    return made.add_argument  # type: ignore[no-any-return] # argparse's own


def _add_numbers(add: Callable[..., Any], default: str) -> None:
    add("--keys", metavar="N", type=whole(1, 9), help=f"how many keys root and targets have each ({default})")
    add("--threshold", metavar="N", type=whole(1, 9), help=f"how many of them have to sign ({default})")
    for role in _ROLES:
        add(f"--{role}-key", dest=f"{role}_keys", metavar="FILE", type=Path, action="append", default=[],
            help=f"a public key for {role}, PEM or JSON, whose secret half is elsewhere")  # fmt: skip


def _add_signers(add: Callable[..., Any]) -> None:
    add("--key", dest="key_files", metavar="FILE", type=Path, action="append", default=[],
        help="a key's file to sign with, several times (default: those in DIR/keys)")  # fmt: skip
    add("--signer", dest="signers", metavar="URI", action="append", default=[],
        help="a signer of securesystemslib, such as hsm:2, each with a --public-key")  # fmt: skip
    add("--public-key", dest="public_keys", metavar="FILE", type=Path, action="append", default=[],
        help="the public key of the --signer at the same place")  # fmt: skip
    _add_passphrase(add)


def _add_passphrase(add: Callable[..., Any]) -> None:
    add("--passphrase-file", metavar="FILE", type=Path,
        help="a file of mode 600 that holds the passphrase (default: it is asked for)")  # fmt: skip


def _key(answer: dict[str, Any]) -> str:
    return json.dumps(answer["key"], indent=1)


def _publish(options: argparse.Namespace) -> str:
    return _hand_in(options, lambda folder: _copy(options.folder, folder))


def _adopt_root(options: argparse.Namespace) -> str:
    from tuf.api.metadata import Root  # noqa: PLC0415 - --help does not need it

    from pi_auto.server.releases.roles import read  # noqa: PLC0415 - --help does not need it

    try:
        octets = options.file.read_bytes()
    except OSError as error:
        raise ReleaseError(f"{options.file} cannot be read: {error.strerror}") from error
    version = read(octets, Root, str(options.file)).signed.version

    def put(folder: Path) -> None:
        (folder / "metadata").mkdir(parents=True)
        write_whole(folder / "metadata" / f"{version}.root.json", octets)

    return _hand_in(options, put)


def _hand_in(options: argparse.Namespace, put: Callable[[Path], None]) -> str:
    """Copy a bundle to where the server can read it, as whoever owns its data, and ask it to adopt that."""
    data, name = fleets_data(options.data), secrets.token_hex(8)
    folder = data / "releases" / "incoming" / name
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        put(folder)
        _give(data, [data / "releases", folder.parent, folder, *folder.rglob("*")])
        options.bundle = name
        return published(ask(options, "release publish"))
    except OSError as error:
        raise ReleaseError(f"the bundle cannot be copied: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(source: Path, folder: Path) -> None:
    from pi_auto.server.releases.bundle import read_bundle  # noqa: PLC0415 - --help does not need it

    read_bundle(source)  # so that no secret key is ever copied to a server
    if sum(path.stat().st_size for path in source.rglob("*") if path.is_file()) > _LARGEST_COPY:
        raise ReleaseError(f"{source} is larger than {_LARGEST_COPY} bytes; withdraw old releases first")
    shutil.copytree(source, folder)


def _give(data: Path, paths: list[Path]) -> None:
    """What root has copied is the server's."""
    owner = data.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        for path in paths:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
