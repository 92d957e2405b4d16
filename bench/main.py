"""`script/bench NAME`: measures what is promised, next to a bare peer in the same run."""

from __future__ import annotations

import argparse
import sys

import capture
import enrol
import footprint
import ingest
import latency

# What is run, how much of it unless told, and of what.
BENCHES = {
    "capture": (capture.run, 1000, "scans"),
    "enrol": (enrol.run, 10_000, "devices"),
    "footprint": (footprint.run, 60, "seconds"),
    "ingest": (ingest.run, 4000, "scans"),
    "latency": (latency.run, 300, "scans"),
}
UNITS = ("scans", "seconds", "devices")


def main() -> int:
    """Run one bench; the exit code."""
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("name", choices=sorted(BENCHES))
    for unit in UNITS:
        usual = ", ".join(f"{name} {count}" for name, (_, count, counted) in BENCHES.items() if counted == unit)
        parser.add_argument(f"--{unit}", type=int, metavar="N", help=f"how many {unit} to take (default: {usual})")
    options = parser.parse_args()
    run, usually, unit = BENCHES[options.name]
    for other in UNITS:
        if other != unit and getattr(options, other) is not None:
            parser.error(f"{options.name} is told its --{unit}, not --{other}")
    told: int | None = getattr(options, unit)
    return run(usually if told is None else told)


if __name__ == "__main__":
    sys.exit(main())
