"""Power cuts: from a chosen call on, nothing that this thread does reaches the disk any more."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

_CALLS = ("open", "write", "fsync", "link", "rename", "replace", "unlink", "mkdir")


class PowerCut(BaseException):
    """The machine stops here: nothing may catch this and go on."""


@contextmanager
def power_cut(monkeypatch: pytest.MonkeyPatch, after: int) -> Iterator[Callable[[], int]]:
    """Let `after` calls that change the disk happen, and none from then on; tells how many there were."""
    count, ours = 0, threading.get_ident()  # other tests may have left threads that log

    def cut(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal count
            if threading.get_ident() != ours:
                return real(*arguments, **named)
            count += 1
            if count > after:
                raise PowerCut
            return real(*arguments, **named)

        return call

    with monkeypatch.context() as patch:
        for name in _CALLS:
            patch.setattr(os, name, cut(getattr(os, name)))
        yield lambda: count
