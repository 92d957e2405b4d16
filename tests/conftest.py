"""What every test shares: property tests try the same examples each time, new ones where time is no matter."""

from __future__ import annotations

import os

from hypothesis import settings

# What decides whether a change lands must say the same twice; script/test-long is where new examples are sought.
settings.register_profile("same", derandomize=True)
settings.register_profile("new", derandomize=False)
settings.load_profile("new" if os.environ.get("PI_AUTO_PROPERTY_EXAMPLES") == "new" else "same")
