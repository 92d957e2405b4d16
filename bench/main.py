"""`script/bench NAME`: measures what is promised, next to a bare peer in the same run."""

from __future__ import annotations

import argparse
import sys

import capture
import enrol
import footprint
import hub
import ingest
import latency
import ota

# What is run, how much of it unless told, and of what.
BENCHES = {
    "capture": (capture.run, 1000, "scans"),
    "enrol": (enrol.run, 10_000, "devices"),
    "footprint": (footprint.run, 60, "seconds"),
    "hub": (hub.run, 50_000, "messages"),
    "ingest": (ingest.run, 4000, "scans"),
    "latency": (latency.run, 300, "scans"),
    "ota": (ota.run, 5, "updates"),
}
UNITS = {unit for _, _, unit in BENCHES.values()}


def main() -> int:
    """Run one bench; the exit code."""
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("name", choices=sorted(BENCHES))
    for unit in sorted(UNITS):
        usual = ", ".join(f"{name} {count}" for name, (_, count, counted) in BENCHES.items() if counted == unit)
        parser.add_argument(f"--{unit}", type=int, metavar="N", help=f"how many {unit} to take (default: {usual})")
    options = parser.parse_args()
    run, usually, unit = BENCHES[options.name]
    for other in UNITS - {unit}:
        if getattr(options, other) is not None:
            parser.error(f"{options.name} is told its --{unit}, not --{other}")
    told: int | None = getattr(options, unit)
    return run(usually if told is None else told)


if __name__ == "__main__":
    sys.exit(main())
