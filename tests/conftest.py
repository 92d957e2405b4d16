"""What every test shares: property tests try the same examples each time, new ones where time is no matter."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.constants_ast import Constants

from support.ordering import spread

# What decides whether a change lands must say the same twice; script/test-long is where new examples are sought.
# How long one takes, 200 ms as Hypothesis would have it, tells of a busy machine and nothing else.
ANY_TIME = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", ANY_TIME, derandomize=True)
settings.register_profile("new", ANY_TIME, derandomize=False)
PROFILE = "new" if os.environ.get("PI_AUTO_PROPERTY_EXAMPLES") == "new" else "same"
settings.load_profile(PROFILE)
if PROFILE == "same":
    # Hypothesis also tries what is written in those of our modules that are loaded by then. Which these are hangs
    # on the tests that ran before in the same worker, so that every run would try others.
    patch("hypothesis.internal.conjecture.providers._get_local_constants", Constants).start()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several workers those begin early that take long."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        modules = [item.nodeid.partition("::")[0] for item in items]
        items[:] = [items[place] for place in spread(modules, workers)]


def pytest_collection_finish() -> None:
    """What was collected stays to the end: the garbage collector need not search thousands of tests for it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def nobody_is_left_at_work() -> Iterator[None]:
    """A thread that a test leaves behind and that never rests takes the time of every test after it."""
    yield
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.25, [thread.name for thread in threading.enumerate()]
