"""Makes the server's archive: wheel, locked requirements, units, installer. One commit gives the same bytes."""

from __future__ import annotations

import gzip
import io
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from contents import version_of

_WANTED = Requirement("pi-auto[server,azure]")
_ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==.*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def locked_for_server(lock: str) -> str:
    """The part of a lock that the server needs, with its hashes, judged by what is installed here."""
    needed = _needed(_WANTED)
    entries = {canonicalize_name(entry[1]): entry[0] for entry in _ENTRY.finditer(lock)}
    return "".join(entries[name] for name in sorted(needed))


def build_server(root: Path, out: Path, epoch: int, *, wheels: bool = False) -> Path:
    """Write the archive to `out`; its path. With `wheels` it needs no index, on machines like this."""
    name = f"pi-auto-server-{version_of(root)}"
    work = out / name
    work.mkdir(parents=True)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(work)]
    subprocess.run(command, cwd=root, check=True, capture_output=True, env={"SOURCE_DATE_EPOCH": str(epoch)})
    (work / "requirements.lock").write_text(locked_for_server((root / "requirements.lock").read_text()))
    if wheels:
        _fetch(work)
    files = dict(_files(root / "deploy", "")) | dict(_files(work, ""))
    files["server.md"] = root / "docs/server.md"
    archive = out / f"{name}.tar.gz"
    archive.write_bytes(gzip.compress(_packed(name, files, epoch), mtime=0))
    return archive


def _needed(requirement: Requirement) -> set[NormalizedName]:
    found: set[NormalizedName] = set()
    todo = [(canonicalize_name(requirement.name), frozenset(requirement.extras))]
    seen = set(todo)
    while todo:
        name, extras = todo.pop()
        for text in requires(name) or ():
            each = Requirement(text)
            if each.marker and not any(each.marker.evaluate({"extra": extra}) for extra in (*extras, "")):
                continue
            step = (canonicalize_name(each.name), frozenset(each.extras))
            found.add(step[0])
            if step not in seen:
                seen.add(step)
                todo.append(step)
    return found - {canonicalize_name(requirement.name)}


def _fetch(work: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "-qq", "--only-binary", ":all:", "--require-hashes"]
    subprocess.run([*command, "-r", work / "requirements.lock", "-d", work / "wheels"], check=True)


def _files(folder: Path, below: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield f"{below}{path.relative_to(folder)}", path


def _packed(name: str, files: dict[str, Path], epoch: int) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for inside in sorted(files):
            content = files[inside].read_bytes()
            member = tarfile.TarInfo(f"{name}/{inside}")
            member.size, member.mtime = len(content), epoch
            member.mode = 0o755 if files[inside].stat().st_mode & 0o100 else 0o644
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()
