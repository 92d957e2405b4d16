"""Byte-compiles a release; what the one that runs has compiled of the same source is taken over, if it is whole.

Two releases have most of their files in common, and to compile all of them takes a small board most of an
update's time. `bytecode.json` beside `app/` tells by SHA-256 what was compiled of what, so that bytes which the
card has lost are not handed on from release to release. Python sets the paths in the code when it loads it.
"""

from __future__ import annotations

import compileall
import hashlib
import json
from contextlib import suppress
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path
from py_compile import PycInvalidationMode

FILE = "bytecode.json"
_MOST = 1024 * 1024  # bytes

Told = dict[str, tuple[str, str]]  # by name: SHA-256 of the source, and of what was compiled of it


def compile_release(release: Path, at_last: Path, former: Path | None) -> None:
    """Compile `release` for the place it will have. Raises OSError.

    Nothing of it is looked at again by its time: a Pi's clock may say 1970.
    """
    known, told = _told_in(former), Told()
    for file in sorted((release / "app").rglob("*.py")):
        name = str(file.relative_to(release))
        source, compiled = _digest(file.read_bytes()), Path(cache_from_source(str(file)))
        of, digest = known.get(name, ("", ""))
        if of != source or not _take_over(former, name, digest, compiled):
            _compile(file, release, at_last)
        if compiled.exists():
            told[name] = source, _digest(compiled.read_bytes())
    (release / FILE).write_text(json.dumps(told))


def _take_over(former: Path | None, name: str, digest: str, compiled: Path) -> bool:
    """Whether it was there, whole, and made by this very Python."""
    if former is None:
        return False
    with suppress(OSError):
        octets = Path(cache_from_source(str(former / name))).read_bytes()
        if _digest(octets) == digest and octets.startswith(MAGIC_NUMBER):
            compiled.parent.mkdir(exist_ok=True)
            compiled.write_bytes(octets)
            return True
    return False


def _compile(file: Path, release: Path, at_last: Path) -> None:
    compileall.compile_file(
        file,
        quiet=1,
        stripdir=str(release),
        prependdir=str(at_last),
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )


def _told_in(release: Path | None) -> Told:
    """What is known of a release; nothing where it tells none, or nothing that can be read."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        octets = (release / FILE).read_bytes()[:_MOST] if release else b"{}"
        told = json.loads(octets).items()
        return {name: (str(source), str(compiled)) for name, (source, compiled) in told}
    return {}


def _digest(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()
