"""Small libraries in C that programs are started with, so that a test holds a part of the system in its hand."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch


def can_be_built() -> bool:
    """Whether there is a C compiler."""
    return shutil.which("cc") is not None


def build(source: Path, folder: Path) -> Path:
    """The library of a source, made in `folder`."""
    library = folder / f"{source.stem}.so"
    command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return library


@contextmanager
def preloaded(library: Path, **told: str) -> Iterator[None]:
    """Programs that are started meanwhile have the library, beside others, and what it is told; so have theirs."""
    others = os.environ.get("LD_PRELOAD", "")
    with patch.dict(os.environ, {"LD_PRELOAD": f"{library} {others}".strip(), **told}):
        yield
