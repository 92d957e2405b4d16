"""The log without a hub around it: what a crash leaves, what a reader sees, what may be deleted."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import stat
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_auto.hub.eventlog import frames
from pi_auto.hub.eventlog.log import EventLog, Limits
from pi_auto.hub.eventlog.record import Record, decode, encode
from pi_auto.hub.eventlog.segments import segments
from pi_auto.wire.hublink import CONNECTED, DISCONNECTED, TELEMETRY, Event

SMALL = Limits(segment=2000)


@asynccontextmanager
async def opened(
    folder: Path, limits: Limits | None = None, running: Callable[[], float] = time.monotonic
) -> AsyncIterator[EventLog]:
    failures: list[str] = []
    log = EventLog(folder, failures.append, limits, running)
    try:
        yield log
        await log.drained()
    finally:
        await log.close()
    assert failures == []


def telemetry(body: str) -> Record:
    return Record(TELEMETRY, "pi-1", 1_764_000_000_123, "$.mid=m&colour=blue", body.encode())


async def append(log: EventLog, count: int, *, groups: int = 1) -> None:
    for _ in range(groups):
        for _ in range(count):
            log.append(telemetry(f"event {log.newest + 1}"))
        await log.drained()


def read(log: EventLog, after: int = 0) -> list[Event]:
    reader, found = log.reader(after), []
    while lines := reader.lines(log.durable):
        found += [Event.from_json(json.loads(line)) for line in lines.splitlines()]
    return found


def numbers(log: EventLog, after: int = 0) -> list[int]:
    return [event.sequence_number for event in read(log, after)]


def within(
    folder: Path,
    *steps: Callable[[EventLog], Awaitable[None]],
    limits: Limits | None = None,
    running: Callable[[], float] = time.monotonic,
) -> None:
    """Each step with a log of its own, opened anew as after a restart."""

    async def run() -> None:
        for step in steps:
            async with opened(folder, limits, running) as log:
                await step(log)

    asyncio.run(run())


def newest_segment(folder: Path) -> Path:
    return segments(folder)[-1].path


@given(
    st.sampled_from([TELEMETRY, CONNECTED]),
    st.text(max_size=20),
    st.integers(0, 2**63),
    st.text(max_size=20),
    st.binary(),
    st.booleans(),
)
def test_a_record_is_read_as_it_was_written(
    kind: str, device_id: str, moment: int, bag: str, body: bytes, retain: bool
) -> None:
    record = Record(kind, device_id, moment, bag, body, retain)
    assert decode(encode(record)) == record


@given(st.lists(st.binary(max_size=40), max_size=5), st.data())
def test_frames_end_where_the_first_damage_is(records: list[bytes], data: st.DataObject) -> None:
    packed = [frames.pack(number, record) for number, record in enumerate(records, start=1)]
    stream = b"".join(packed)
    assert [frame.record for frame in frames.unpack(stream)] == records
    cut = data.draw(st.integers(0, len(stream)))
    whole = sum(len(b"".join(packed[: count + 1])) <= cut for count in range(len(packed)))
    assert len(list(frames.unpack(stream[:cut]))) == whole


def test_an_event_is_read_with_azures_names(tmp_path: Path) -> None:
    async def step(log: EventLog) -> None:
        log.append(telemetry("hello")._replace(retain=True))
        await log.drained()
        assert read(log) == [
            Event(
                sequence_number=1,
                type="telemetry",
                device_id="pi-1",
                enqueued_at="2025-11-24T16:00:00.123Z",
                system_properties={"message-id": "m"},
                properties={"colour": "blue", "mqtt-retain": "true"},
                body="aGVsbG8=",
            )
        ]

    within(tmp_path, step)


def test_done_is_called_in_order_and_only_when_the_event_can_be_read(tmp_path: Path) -> None:
    async def step(log: EventLog) -> None:
        seen: list[tuple[int, int]] = []
        for number in range(1, 6):
            log.append(telemetry("x"), lambda number=number: seen.append((number, log.durable)))  # type: ignore[misc]
        assert seen == []
        await log.drained()
        assert seen == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]

    within(tmp_path, step)


def test_one_call_tells_that_all_before_it_is_durable(tmp_path: Path) -> None:
    async def step(log: EventLog) -> None:
        seen: list[int] = []
        for _ in range(3):
            log.append(telemetry("x"))
        log.when_durable(lambda: seen.append(log.durable))
        assert seen == []
        await log.drained()
        assert seen == [3]
        log.when_durable(lambda: seen.append(log.durable))  # nothing waits for the disk any more
        await log.drained()
        assert seen == [3, 3]
        assert numbers(log) == [1, 2, 3]

    within(tmp_path, step)


def test_numbers_go_on_without_a_gap_over_restarts_and_segments(tmp_path: Path) -> None:
    async def step(log: EventLog) -> None:
        await append(log, 10, groups=5)

    async def check(log: EventLog) -> None:
        assert numbers(log) == list(range(1, 151))
        assert numbers(log, after=77) == list(range(78, 151))

    within(tmp_path, step, step, step, check, limits=SMALL)
    assert len(segments(tmp_path)) > 3


@pytest.mark.parametrize("lost", [1, 7, 20, 40])
def test_a_torn_tail_is_cut_off_kept_aside_and_its_number_given_again(tmp_path: Path, lost: int) -> None:
    async def write(log: EventLog) -> None:
        await append(log, 5)

    async def check(log: EventLog) -> None:
        assert log.durable == 4
        await append(log, 1)
        assert numbers(log) == [1, 2, 3, 4, 5]

    within(tmp_path, write)
    path = newest_segment(tmp_path)
    os.truncate(path, path.stat().st_size - lost)
    within(tmp_path, check, check_again)
    assert path.with_suffix(".torn").exists()


def test_a_disk_without_room_for_a_torn_tail_does_not_keep_the_log_from_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def write(log: EventLog) -> None:
        await append(log, 5)

    def full(path: Path, *_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    within(tmp_path, write)
    with newest_segment(tmp_path).open("ab") as file:
        file.write(b"half a record")
    monkeypatch.setattr("pi_auto.hub.eventlog.recovery.write_whole", full)
    within(tmp_path, check_again)
    assert "not kept as" in caplog.text
    assert "No space left" in caplog.text


async def check_again(log: EventLog) -> None:
    assert numbers(log) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("garbage", [b"\0" * 5000, b"\xff" * 100, b"\x01"])
def test_garbage_behind_the_last_event_is_cut_off(tmp_path: Path, garbage: bytes) -> None:
    async def write(log: EventLog) -> None:
        await append(log, 5)

    within(tmp_path, write)
    with newest_segment(tmp_path).open("ab") as file:
        file.write(garbage)
    within(tmp_path, check_again, check_again)


def test_damage_inside_a_finished_segment_costs_only_what_lies_behind_it_there(tmp_path: Path) -> None:
    async def write(log: EventLog) -> None:
        await append(log, 10, groups=6)

    async def check(log: EventLog) -> None:
        found = numbers(log)
        later = segments(tmp_path)[1].first
        assert found[-1] == 60
        assert set(range(later, 61)) <= set(found)
        assert found == sorted(set(found))

    within(tmp_path, write, limits=SMALL)
    path = segments(tmp_path)[0].path
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    within(tmp_path, check, limits=SMALL)


def test_a_segment_with_a_damaged_beginning_is_kept_and_its_numbers_are_not_used_again(tmp_path: Path) -> None:
    async def write(log: EventLog) -> None:
        await append(log, 5)

    async def check(log: EventLog) -> None:
        await append(log, 1)
        assert numbers(log)[-1] > 5

    within(tmp_path, write)
    path = newest_segment(tmp_path)
    path.write_bytes(b"?" + path.read_bytes()[1:])
    within(tmp_path, check)
    assert path.with_suffix(".damaged").exists()


def test_a_segment_that_was_emptied_does_not_bring_acknowledged_numbers_back(tmp_path: Path) -> None:
    async def write(log: EventLog) -> None:
        await append(log, 5)
        log.acknowledge(5)

    async def check(log: EventLog) -> None:
        await append(log, 1)
        assert numbers(log) == [6]

    within(tmp_path, write)
    newest_segment(tmp_path).write_bytes(b"")
    within(tmp_path, check)


def test_a_new_segment_that_failed_half_way_hides_nothing_that_comes_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is there when the folder's flush fails; who looked for a later event began to read in it."""
    flush = os.fsync

    def failing(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        flush(descriptor)

    async def step(log: EventLog) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", failing)
            await append(log, 10, groups=6)
        assert [numbers(log, after=after) for after in (0, 30, 59)] == [
            list(range(after + 1, 61)) for after in (0, 30, 59)
        ]
        await append(log, 10)

    async def check(log: EventLog) -> None:
        assert numbers(log) == list(range(1, 71))

    within(tmp_path, step, check, limits=SMALL)


def test_a_lost_log_never_uses_an_acknowledged_number_again(tmp_path: Path) -> None:
    async def write(log: EventLog) -> None:
        await append(log, 5)
        log.acknowledge(5)

    async def check(log: EventLog) -> None:
        assert log.acknowledged == 5
        assert read(log, after=2) == []
        await append(log, 1)
        assert numbers(log) == [6]
        assert numbers(log, after=2) == [6]

    within(tmp_path, write)
    newest_segment(tmp_path).unlink()
    within(tmp_path, check)


def test_only_acknowledged_segments_are_deleted_when_the_log_is_too_large(tmp_path: Path) -> None:
    async def step(log: EventLog) -> None:
        await append(log, 10, groups=20)
        assert await log.tidy() == 0
        middle = segments(tmp_path)[2].first
        log.acknowledge(middle)
        assert await log.tidy() == 2
        assert numbers(log)[0] == middle
        log.acknowledge(log.durable)
        await log.tidy()
        assert len(segments(tmp_path)) == 1
        await append(log, 1)
        assert numbers(log)[-1] == 201

    within(tmp_path, step, limits=Limits(segment=2000, total=1))


def test_acknowledged_events_are_kept_while_there_is_room_and_they_are_young(tmp_path: Path) -> None:
    ran = 0.0

    async def step(log: EventLog) -> None:
        nonlocal ran
        await append(log, 10, groups=8)
        log.acknowledge(log.durable)
        assert await log.tidy() == 0
        os.utime(segments(tmp_path)[0].path, (0, 0))
        assert await log.tidy() == 0, "the clock alone says that it is old"
        ran = SMALL.keep
        assert await log.tidy() == 1

    within(tmp_path, step, limits=SMALL, running=lambda: ran)


def test_a_hub_whose_clock_is_years_ahead_deletes_no_events_for_that(tmp_path: Path) -> None:
    """A server that is restored from a backup asks for them again."""

    async def write(log: EventLog) -> None:
        await append(log, 10, groups=8)
        log.acknowledge(log.durable)
        assert await log.tidy() == 0
        for segment in segments(tmp_path):  # as a clock sees them that is fifty years ahead
            os.utime(segment.path, (0, 0))

    async def tidy(log: EventLog) -> None:
        assert await log.tidy() == 0
        assert numbers(log)[0] == 1

    within(tmp_path, write, tidy, limits=SMALL)


def test_a_reader_goes_on_when_its_segment_is_deleted_under_it(tmp_path: Path) -> None:
    async def step(log: EventLog) -> None:
        await append(log, 10, groups=8)
        reader = log.reader(0)
        reader.lines(1)
        log.acknowledge(log.durable)
        await append(log, 1)
        assert await log.tidy() > 1
        first = json.loads(reader.lines(log.durable).splitlines()[0])
        assert first["sequence_number"] == segments(tmp_path)[0].first

    within(tmp_path, step, limits=Limits(segment=2000, total=1))


def test_a_reader_never_sees_what_is_not_durable(tmp_path: Path) -> None:
    async def step(log: EventLog) -> None:
        await append(log, 10)
        reader = log.reader(0)
        assert len(reader.lines(4).splitlines()) == 4
        assert reader.lines(4) == b""
        assert len(reader.lines(10).splitlines()) == 6

    within(tmp_path, step)


def test_who_was_connected_is_known_after_a_crash_whatever_segment_it_was_in(tmp_path: Path) -> None:
    async def write(log: EventLog) -> None:
        assert log.left_connected == set()
        for device in ("pi-1", "pi-2", "pi-3"):
            log.append(Record(CONNECTED, device, 0))
        await append(log, 10, groups=8)
        log.append(Record(DISCONNECTED, "pi-2", 0))

    async def check(log: EventLog) -> None:
        assert log.left_connected == {"pi-1", "pi-3"}

    within(tmp_path, write, check, limits=SMALL)
    assert len(segments(tmp_path)) > 2
