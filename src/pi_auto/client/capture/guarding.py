"""How soon after opening a scanner its first code may be the rest of one whose beginning nobody read."""

from __future__ import annotations

GUARD = 150_000_000  # nanoseconds
OPENED_LATE = "the scanner was opened in the middle of this code, or just before it"
