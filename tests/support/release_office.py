"""A server with a fleet and the signing folder of that fleet beside it, in one process."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from werkzeug.test import TestResponse

from pi_auto.server.admin.administrator import Administrator
from pi_auto.server.admin.requests import answer
from pi_auto.server.releases.online import open_online
from pi_auto.server.releases.shelf import Shelf
from support.api import NOW, Api, open_api
from support.signed_releases import SignedReleases


@dataclass
class Office:
    """A server with a fleet, and the signing folder of that fleet at another place."""

    api: Api
    made: SignedReleases
    data: Path

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.data)

    def ask(self, request: str, **fields: Any) -> dict[str, Any]:
        """What the administrator's request is answered. Raises FieldError."""
        return answer(Administrator(self.api.context), {"request": request} | fields)

    def publish(self, bundle: Path | None = None) -> dict[str, Any]:
        """Carry a bundle to the server, and publish it."""
        name = secrets.token_hex(8)
        shutil.copytree(bundle or self.made.desk.bundle, self.shelf.incoming / name, symlinks=True)
        return self.ask("release publish", bundle=name)

    def fetch(self, update_id: str, **headers: str) -> TestResponse:
        """GET /api/ota/download_update."""
        return self.api.client.get(f"/api/ota/download_update?update_id={update_id}", headers=headers)


@contextmanager
def open_office(folder: Path) -> Iterator[Office]:
    with open_api(folder / "data", trust=True) as api:
        assert api.context.fleet
        online = open_online(folder / "data", api.context.fleet.key)
        yield Office(api, SignedReleases(folder / "made", online=online, now=NOW), folder / "data")
