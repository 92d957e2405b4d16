"""Has the writer do a job for a request, and waits until it is committed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from pi_auto.server.context import Context

T = TypeVar("T")
_PATIENCE = 20.0  # seconds; devices wait 30


def committed(context: Context, job: Callable[[Connection], T]) -> T:
    """What the job returned, once it is in the books for good. Raises Busy, or whatever the job raised."""
    return context.writer.submit(job).result(_PATIENCE)
