"""How many random cases a property test tries: PI_AUTO_PROPERTY_CASES, a few hundred unless told."""

from __future__ import annotations

import os

CASES = int(os.environ.get("PI_AUTO_PROPERTY_CASES", "300"))
HYPOTHESIS_CASES = min(CASES, 2_000)  # its examples are dear, and clever: more of them find little
ORACLE_CASES = min(CASES, 300)  # the oracle takes ten milliseconds for each
