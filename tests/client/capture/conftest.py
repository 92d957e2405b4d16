from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.captures import Bench
from support.keys import Fifo


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A state folder and a virtual scanner."""
    bench = Bench(tmp_path / "state", Fifo(tmp_path / "scanner"))
    yield bench
    bench.fifo.close()
