"""Who shares a flush, and who waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pi_auto.hub.groups import Groups

FOR_EVER = 3600.0  # seconds of rest: whoever waits for it fails the test
PATIENCE = 10.0


class Written:
    """The groups as they were written."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self._news = asyncio.Event()

    async def write(self, group: list[int]) -> None:
        self.groups.append(group)
        self._news.set()

    async def next(self) -> None:
        await asyncio.wait_for(self._news.wait(), PATIENCE)
        self._news.clear()


@asynccontextmanager
async def groups_with(written: Written, rest: float) -> AsyncIterator[Groups[int]]:
    groups = Groups(written.write, rest)
    try:
        yield groups
    finally:
        await groups.stop()


def test_the_first_item_after_silence_waits_for_nobody() -> None:
    async def step() -> None:
        written = Written()
        async with groups_with(written, FOR_EVER) as groups:
            groups.add(1)
            await written.next()
        assert written.groups == [[1]]

    asyncio.run(step())


def test_items_that_come_in_the_rest_share_the_next_group() -> None:
    async def step() -> None:
        written = Written()
        async with groups_with(written, 0.2) as groups:
            groups.add(1)
            await written.next()
            groups.add(2)
            await asyncio.sleep(0)
            groups.add(3)
            await written.next()
        assert written.groups == [[1], [2, 3]]

    asyncio.run(step())


def test_an_urgent_item_ends_the_rest_and_takes_the_patient_ones_along() -> None:
    async def step() -> None:
        written = Written()
        async with groups_with(written, FOR_EVER) as groups:
            groups.add(1)
            await written.next()
            groups.add(2)
            groups.add(3)
            groups.hurry()
            await written.next()
        assert written.groups == [[1], [2, 3]]

    asyncio.run(step())


def test_whoever_drains_does_not_wait_for_the_rest() -> None:
    async def step() -> None:
        written = Written()
        async with groups_with(written, FOR_EVER) as groups:
            groups.add(1)
            await written.next()
            groups.add(2)
            await asyncio.wait_for(groups.drained(), PATIENCE)
        assert written.groups == [[1], [2]]

    asyncio.run(step())
