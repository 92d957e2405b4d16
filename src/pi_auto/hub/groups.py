"""Group commit: whatever is asked for while one group is being written becomes the next group.

Items go in one by one on the event loop; `write` gets them in order, a list at a time,
and is never called again before it has returned. So the busier the hub, the more items
share one flush of the disk, and a quiet hub waits for nobody.

A flush costs more than what it flushes. So that a fast disk does not make one of every few
items, there is a `rest` after each: those whom it would hold up too long are urgent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class Groups(Generic[T]):
    """Gathers items for `write`, a coroutine function that deals with every failure of its own.

    `rest` is in seconds.
    """

    def __init__(self, write: Callable[[list[T]], Awaitable[None]], rest: float) -> None:
        self._write, self._rest = write, rest
        self._gathered: list[T] = []
        self._wanted, self._urgent, self._idle = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._task = asyncio.create_task(self._run())

    def __len__(self) -> int:
        """How many items wait for their group."""
        return len(self._gathered)

    def add(self, item: T) -> None:
        """Put an item into the next group."""
        self._gathered.append(item)
        if len(self._gathered) == 1:
            self._wanted.set()
            self._idle.clear()

    def hurry(self) -> None:
        """Do not rest before the next group."""
        self._urgent.set()

    async def drained(self) -> None:
        """Wait until all that was added has been written."""
        self.hurry()
        await self._idle.wait()

    async def stop(self) -> None:
        """Write nothing more. What was not drained is forgotten."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            self._urgent.clear()
            group, self._gathered = self._gathered, []
            await self._write(group)
            if not self._gathered:
                self._idle.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._rest):
                    await self._urgent.wait()
