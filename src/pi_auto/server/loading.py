"""Loading what the server is made of, which takes most of its start."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Modules are imported here that stay to the end: the garbage collector is not to search them, now or later.

    That takes a sixth of the start, and pages that it never touches are shared with the worker.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
