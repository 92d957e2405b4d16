"""Keeps what system files held before an update, durably, so that going back restores them after a power cut too.

Units, rules, rotation, the command and the launcher belong to the release. They are a few
kilobytes, kept in one file of root's folder, with a ballast beside it: giving that up makes the
room that going back needs on a disk that the update has filled.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from pathlib import Path

from pi_auto.client.appliance.overlay import Placed, remember
from pi_auto.client.switcher.site import Site
from pi_auto.files import write_whole

FILE, BALLAST = "former-files.json", "ballast"
TREE = "app/appliance/system"
_BALLAST_BYTES = 512 * 1024
_UNITS = "etc/systemd/system"
_INSTALL = re.compile(r"^\[Install\]", re.MULTILINE)


def keep_former_files(site: Site, new: Path, former: Path) -> None:
    """Write down what placing the new release's files will change. Raises OSError, having changed nothing."""
    placed = remember(new / TREE, site.root, former / TREE)
    told = {
        str(file.relative_to(site.root)): {"content": b64encode(held[0]).decode(), "mode": held[1]}
        if held
        else None
        for file, held in placed.before.items()
    }
    write_whole(site.own / BALLAST, b"\xff" * _BALLAST_BYTES, mode=0o600)
    write_whole(site.own / FILE, json.dumps(told), mode=0o600)


def former_files(site: Site) -> Placed | None:
    """What is to be put back; None where nothing was kept, or the disk has lost it. Raises OSError."""
    try:
        told = json.loads((site.own / FILE).read_bytes())
        return Placed(
            {
                site.root / name: (b64decode(held["content"]), int(held["mode"])) if held else None
                for name, held in told.items()
            }
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def make_room(site: Site) -> None:
    """Give up the ballast. Raises OSError."""
    (site.own / BALLAST).unlink(missing_ok=True)


def forget_former_files(site: Site) -> None:
    """Nobody goes back any more. Raises OSError."""
    for name in (FILE, BALLAST):
        (site.own / name).unlink(missing_ok=True)


def started_at_boot(release: Path) -> list[str]:
    """The units of a release that are started by themselves, as their files say."""
    folder = release / TREE / _UNITS
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return [file.name for file in files if file.is_file() and _INSTALL.search(file.read_text("utf-8", "replace"))]
