"""What zipfile raises for an archive that is damaged, or made to mislead: far more than an error of its own."""

from __future__ import annotations

import struct
import zipfile
import zlib

DAMAGED = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, ValueError, RuntimeError, EOFError,
    OverflowError, LookupError,
)  # fmt: skip
