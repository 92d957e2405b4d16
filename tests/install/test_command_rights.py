"""With whose rights the installed command runs what root calls: `setpriv`, asked for them, only tells here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

COMMAND = Path(__file__).parents[2] / "install/system/usr/local/bin/pi-auto-client"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder whose `setpriv` prints how it is called, and whose `id` says root."""
    for name, line in {"setpriv": 'echo "$@"', "id": "echo 0"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def called_by_root(programs: Path, *arguments: str) -> list[str]:
    """What `setpriv` is given."""
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", str(COMMAND), *arguments], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("arguments", "user"),
    [
        (["status"], "pi-auto"),
        (["scanners"], "pi-auto"),
        (["scanners", "--set", "1", "--layout", "fr"], "pi-auto-capture"),
        (["wifi"], "pi-auto"),
        (["wifi", "--json"], "pi-auto"),
        (["wifi", "--forget"], "pi-auto-wifi"),  # polkit lets it change NetworkManager's profiles; pi-auto may not
        (["wifi", "--forg"], "pi-auto-wifi"),  # as the command line may be shortened
    ],
    ids=lambda given: given if isinstance(given, str) else " ".join(given),
)
def test_root_drops_to_the_user_who_has_the_rights_for_it(programs: Path, arguments: list[str], user: str) -> None:
    given = called_by_root(programs, *arguments)
    assert given[:3] == [f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    assert "--no-new-privs" in given
    assert given[-len(arguments) :] == arguments
