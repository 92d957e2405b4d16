"""`script/bench NAME`: measures what is promised, next to a bare peer in the same run."""

from __future__ import annotations

import argparse
import sys

import latency

BENCHES = {"latency": latency.run}


def main() -> int:
    """Run one bench; the exit code."""
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("name", choices=sorted(BENCHES))
    parser.add_argument("--scans", type=int, default=300, metavar="N", help="how many scans to take (default 300)")
    options = parser.parse_args()
    return BENCHES[options.name](options.scans)


if __name__ == "__main__":
    sys.exit(main())
