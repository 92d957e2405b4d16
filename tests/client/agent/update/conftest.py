"""A device with a card whose root signs updates, and what it tells of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pi_auto.client.bulletin import posts_in
from pi_auto.client.settings import Settings
from pi_auto.wire.update import Offer
from support.fleet_office import FleetOffice
from support.fleet_peer import UPDATES, answer
from support.signed_fleet import STATUS, SignedFleet

from ..conftest import DEVICE  # noqa: TID252 - of the tests beside it


@dataclass
class Site:
    """A device, its fleet's server, and what the fleet has signed."""

    office: FleetOffice
    fleet: SignedFleet
    settings: Settings
    runtime: Path

    def offers(self, offer: Offer) -> None:
        self.office.peer.always[UPDATES] = answer(offer.to_json())

    def reports(self) -> list[tuple[str, str, str | None]]:
        """What the server was told, as often as it was."""
        told = [body for path, body in self.office.peer.received if path == STATUS and not body.get("percent")]
        return [(body["step"], body["version"], body.get("reason")) for body in told]

    def steps(self) -> list[str]:
        """Those that the server was told, without what is only the progress of one."""
        return [step for step, *_ in self.reports()]

    def said(self) -> dict[str, Any]:
        post = posts_in(self.settings.agent_folder).get("update")
        return post.news if post else {}

    def told(self, *steps: dict[str, object]) -> None:
        """What root's switcher tells."""
        folder = self.settings.state / "update-told"
        folder.mkdir(exist_ok=True)
        new = folder / "new"
        new.write_text(json.dumps({"steps": list(steps)}))
        new.rename(folder / "told.json")


@pytest.fixture
def site(tmp_path: Path, office: FleetOffice, monkeypatch: pytest.MonkeyPatch) -> Site:
    runtime = tmp_path / "run"
    runtime.mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(runtime))
    fleet = SignedFleet()
    office.peer.updates = fleet
    office.peer.always[STATUS] = office._pass_on
    card = tmp_path / "fleet.json"
    card.write_text(json.dumps(replace(office.card, update_root=fleet.trusted).to_json()))
    settings = Settings(
        state=tmp_path / "state",
        fleet_card=card,
        device_id=DEVICE,
        registration_retry_interval=1,
        update_interval=1,
    )
    settings.agent_folder.mkdir(parents=True)
    (settings.agent_folder / "batch_token").write_text(office.make_batch())
    return Site(office, fleet, settings, runtime)
