"""`script/bench NAME`: measures what is promised, next to a bare peer in the same run."""

from __future__ import annotations

import argparse
import sys

import ingest
import latency

BENCHES = {"ingest": (ingest.run, 4000), "latency": (latency.run, 300)}  # and how many scans are taken


def main() -> int:
    """Run one bench; the exit code."""
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("name", choices=sorted(BENCHES))
    usual = ", ".join(f"{name} {scans}" for name, (_, scans) in BENCHES.items())
    parser.add_argument("--scans", type=int, metavar="N", help=f"how many scans to take (default: {usual})")
    options = parser.parse_args()
    run, scans = BENCHES[options.name]
    return run(scans if options.scans is None else options.scans)


if __name__ == "__main__":
    sys.exit(main())
