"""A fleet with real books behind a server that loses answers when told to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_auto.server.api import enrolment
from pi_auto.server.enrolment.limits import Limiter
from support.api import open_api
from support.fleet_office import FleetOffice


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetOffice]:
    monkeypatch.setattr(enrolment, "_limiter", Limiter(60, 60.0, lambda: 1000.0))
    folder = tmp_path / "fleet"
    folder.mkdir()
    with open_api(folder / "data", trust=True) as api:
        made = FleetOffice(api, folder)
        with made.peer:
            yield made
