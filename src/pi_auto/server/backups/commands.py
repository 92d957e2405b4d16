"""The commands `backup` and `restore` of `pi-auto-server`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pi_auto.server.admin import teaching
from pi_auto.server.errors import CommandFailed
from pi_auto.server.options import add_key_file
from pi_auto.server.settings import SettingsError
from pi_auto.server.sizing import whole

if TYPE_CHECKING:
    from pi_auto.server.trust.sealing import SealingKey  # takes a while to load


def add_backups(commands: Any) -> None:
    """Add them to a command line."""
    add = _command(
        commands, "backup", "write all that the server keeps into one sealed file", _make, teaching.BACKUP
    )
    add(
        "--to",
        metavar="FOLDER",
        type=Path,
        required=True,
        help="where to put it; the key may not lie there",
    )
    add("--keep", metavar="N", type=whole(1, 10_000), help="delete all but the newest N backups in that folder")
    add = _command(commands, "restore", "put a backup into an empty data folder", _restore, teaching.RESTORE)
    add("backup", metavar="FILE", type=Path, help="the backup")


def _command(
    commands: Any, name: str, about: str, run: Callable[[argparse.Namespace], str], teaches: str
) -> Callable[..., Any]:
    raw = argparse.RawDescriptionHelpFormatter
    command = commands.add_parser(name, help=about, description=about, epilog=teaches, formatter_class=raw)
    command.set_defaults(command=run)
    command.add_argument(
        "--data", metavar="DIR", default=os.environ.get("PI_AUTO_DATA"),
        help="the folder that the server keeps everything in (default: PI_AUTO_DATA)",
    )  # fmt: skip
    add_key_file(command.add_argument)
    return command.add_argument  # type: ignore[no-any-return] # argparse's own


def _make(options: argparse.Namespace) -> str:
    from pi_auto.server.backups import making  # noqa: PLC0415 - slow to load
    from pi_auto.server.context import now_utc  # noqa: PLC0415 - see above

    data, folder = _data(options), options.to.absolute()
    if folder.is_relative_to(data):
        raise CommandFailed(f"--to is {folder}, in the data folder itself; name one on another disk")
    try:
        making.refuse_other_folders(data)  # before a key is made beside one
        made = making.make_backup(data, folder, _key(options, data, made_already=False), now_utc())
        forgotten = making.forget_old(made, options.keep) if options.keep else []
    except making.BackupError as error:
        raise CommandFailed(str(error)) from error
    except OSError as error:
        raise CommandFailed(f"no backup of {data}: {error.filename}: {error.strerror}") from error
    said = f"{made} holds all of {data}, {made.stat().st_size} bytes; only the server's key opens it"
    return said + (f"; {len(forgotten)} older ones are deleted" if forgotten else "")


def _restore(options: argparse.Namespace) -> str:
    from pi_auto.server.backups.making import BackupError  # noqa: PLC0415 - see above
    from pi_auto.server.backups.restoring import restore  # noqa: PLC0415 - see above

    data = _data(options)
    try:
        options.backup.open(
            "rb"
        ).close()  # before the key, which is looked for beside a folder that is still empty
    except OSError as error:
        raise CommandFailed(f"{options.backup} is not restored: {error.strerror}") from error
    try:
        about = restore(options.backup, data, _key(options, data, made_already=True))
    except BackupError as error:
        raise CommandFailed(str(error)) from error
    return f"{data} is as it was at {about.get('made_at')} (version {about.get('version')}); start the server"


def _data(options: argparse.Namespace) -> Path:
    if not options.data:
        raise SettingsError("no data folder is named; name one with --data DIR or PI_AUTO_DATA")
    return Path(options.data).absolute()


def _key(options: argparse.Namespace, data: Path, *, made_already: bool) -> SealingKey:
    from pi_auto.server.trust.errors import TrustError  # noqa: PLC0415 - see above
    from pi_auto.server.trust.fleet import is_made  # noqa: PLC0415 - see above
    from pi_auto.server.trust.sealing import key_file, sealing_key  # noqa: PLC0415 - see above

    try:
        return sealing_key(key_file(data, options.key_file), sealed=made_already or is_made(data))
    except TrustError as error:
        raise CommandFailed(str(error)) from error
