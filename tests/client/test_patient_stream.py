from __future__ import annotations

import os
import select
from collections.abc import Iterator

import pytest

from pi_auto.client.patient_stream import PatientStream

LINE = "x" * 99 + "\n"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def everything(stream: PatientStream, reading: int) -> list[str]:
    """All lines that come out while the stream is drained."""
    octets = b""
    while select.select([reading], [], [], 0.2)[0]:
        octets += os.read(reading, 65536)
        stream.drain(0)
    return octets.decode().splitlines(keepends=True)


def test_what_is_written_comes_out_in_order(pipe: tuple[int, int]) -> None:
    stream = PatientStream(pipe[1])
    for number in range(100):
        stream.write(f"line {number}\n")
    stream.drain(5)
    assert everything(stream, pipe[0]) == [f"line {number}\n" for number in range(100)]


def test_nobody_waits_for_a_reader_that_is_stuck_and_what_it_missed_is_counted(pipe: tuple[int, int]) -> None:
    stream = PatientStream(pipe[1], most=10)
    for _ in range(5000):  # 500 kB, of which a pipe takes 64
        stream.write(LINE)
    stream.drain(0.01)
    lines = everything(stream, pipe[0])
    missed = sum(int(line.split()[2]) for line in lines if "lines that nobody took in time" in line)
    assert missed > 4000
    assert lines.count(LINE) + missed <= 5000


def test_a_reader_that_has_gone_is_no_trouble() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = PatientStream(writing)
    stream.write(LINE)
    stream.drain(5)
    os.close(writing)
