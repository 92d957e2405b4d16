"""Tries each target on its own seeds, without the fuzzer: `python -m fuzz.smoke`; says which."""

from __future__ import annotations

from fuzz import haste
from fuzz.targets import TARGETS


def main() -> None:
    """Raises what a target raises."""
    haste.make()
    for target in TARGETS:
        print(target.name, flush=True)
        for octets in target.seeds:
            target.run(octets)


if __name__ == "__main__":
    main()
