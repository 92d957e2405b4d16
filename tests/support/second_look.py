"""Runs the few tests that failed beside all others once more, each alone (docs/decisions/0075).

python -m support.second_look
    after a whole run: 0 if at most three tests had failed and each passes three times alone; they are named
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

MOST = 3
TIMES = 3
_LAST_FAILED = Path(".pytest_cache/v/cache/lastfailed")


def failed(cache: Path) -> list[str]:
    """The tests that failed, as pytest has noted them; nothing if it has not."""
    try:
        noted: dict[str, bool] = json.loads(cache.read_text())
    except (OSError, ValueError):
        return []
    return [name for name in noted if not name.startswith("tests/vm/")]


def is_steady(name: str) -> bool:
    """Whether a test passes alone, again and again."""
    command = [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", name]
    return all(subprocess.run(command, check=False).returncode == 0 for _ in range(TIMES))


def main() -> int:
    """Look; the exit code."""
    names = failed(_LAST_FAILED)
    if not 0 < len(names) <= MOST:
        return 1
    print(
        f"test: {len(names)} of all tests failed beside the others; each is run {TIMES} times more, alone",
        flush=True,
    )
    are_steady = [is_steady(name) for name in names]  # each is run, so that each is told
    if not all(are_steady):
        return 1
    print("test: UNSTEADY, to be mended: failed once beside the others, and never alone:")
    print("\n".join(f"  {name}" for name in names), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
