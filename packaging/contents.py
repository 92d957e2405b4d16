"""What goes into a release of the client: its code, its pure-Python dependencies, and what the system needs.

A release is a plain list of files, sorted by name; whatever carries it (a zip file, a Debian
package) is made of that list alone, so that the same commit always gives the same bytes.
"""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SHARED = ("__init__.py", "files.py", "frozen.py", "logs.py", "starting.py", "typed.py", "version.py", "zips.py")
_ROOMS = ("wire", "sheet", "client")
# What of our dependencies no device needs: others' tests, the making of repositories, ways of HTTP nobody takes.
_UNNEEDED = (
    "test_*.py",
    "securesystemslib/_vendor/ed25519/science.py",
    "tuf/repository/*",
    "tuf/ngclient/requests_fetcher.py",
    "urllib3/contrib/*",
    "urllib3/contrib/*/*",
    "urllib3/http2/connection.py",
)
_DEPENDENCIES = {
    "jeepney": "jeepney",
    "paho": "paho_mqtt",
    "securesystemslib": "securesystemslib",
    "tuf": "tuf",
    "urllib3": "urllib3",
}
_MAIN = '''"""Runs the client, out of this file or out of the folder it was unpacked to."""

import os
import sys

# The release that was started, not whatever the link to it names later: modules are loaded when they are needed.
sys.path[0] = os.path.realpath(sys.path[0])

from pi_auto.starting import hush, started

hush()
from pi_auto.client.beginning import begin

sys.exit(started(lambda: begin(sys.argv[1:])))
'''


@dataclass(frozen=True, slots=True, order=True)
class File:
    """One file of a release."""

    name: str
    content: bytes
    executable: bool = False


def release_files(root: Path, packages: Path, epoch: int) -> list[File]:
    """All files of the release in the working copy `root`, with dependencies out of `packages` (site-packages).

    `epoch` is when it is built, in seconds: no clock of a device that runs it can be right and say less.
    """
    version = f"{version_of(root)}\n".encode()
    files = [File("__main__.py", _MAIN.encode()), File("appliance/version", version)]
    files.append(File("appliance/built", f"{epoch}\n".encode()))
    files += _code(root / "src")
    files += [_file(root, "LICENSE", "licenses/pi-auto/LICENSE")]
    for name, distribution in _DEPENDENCIES.items():
        files += _package(packages, name, distribution)
    files += _appliance(root / "install")
    return sorted(files)


def version_of(root: Path) -> str:
    """The version in the working copy."""
    return str(runpy.run_path(str(root / "src/pi_auto/version.py"))["__version__"])


def _code(source: Path) -> Iterator[File]:
    for name in _SHARED:
        yield _file(source, f"pi_auto/{name}")
    for room in _ROOMS:
        for path in (source / "pi_auto" / room).rglob("*.py"):
            yield _file(source, str(path.relative_to(source)))


def _package(packages: Path, name: str, distribution: str) -> Iterator[File]:
    """A dependency, but for its own tests; its licence asks for the licence to come along.

    Out of a zip file Python imports no folder without an `__init__.py`, so those get one.
    """
    paths = [path.relative_to(packages) for path in (packages / name).rglob("*.py")]
    needed = [
        path for path in paths if "tests" not in path.parts and not any(path.match(one) for one in _UNNEEDED)
    ]
    yield from (_file(packages, str(path)) for path in needed)
    for bare in {path.parent for path in needed} - {path.parent for path in needed if path.name == "__init__.py"}:
        yield File(f"{bare}/__init__.py", b"")
    (about,) = packages.glob(f"{distribution}-*.dist-info")
    for path in (about / "licenses").iterdir():
        yield _file(about, f"licenses/{path.name}", f"licenses/{distribution.replace('_', '-')}/{path.name}")


def _appliance(install: Path) -> Iterator[File]:
    """The tree of system files, and the scripts an administrator calls."""
    for path in (install / "system").rglob("*"):
        if path.is_file():
            yield _file(install, str(path.relative_to(install)), f"appliance/{path.relative_to(install)}")
    for name in ("uninstall.sh", "update_client.sh"):
        yield _file(install, name, f"appliance/{name}")


def _file(folder: Path, path: str, name: str | None = None) -> File:
    content = (folder / path).read_bytes()
    return File(name or path, content, executable=content.startswith(b"#!"))
