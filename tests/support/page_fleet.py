"""Devices that are enrolled at a real server and tell of their updates as devices do, while hours pass."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from pi_auto.files import write_whole
from pi_auto.wire.times import format_time
from pi_auto.wire.update import COMMITTED, DOWNLOADING, OFFERED, ROLLED_BACK, TRIAL, VERIFIED, status_of
from support.batch_enrolling import card_of, enrol
from support.server import RunningServer
from support.waiting import wait_until

HOUR = 3600  # seconds
WHY = "pi-auto-client.service was started again 3 times: NameError: name 'oops' is not defined"


@dataclass
class _Device:
    device_id: str
    token: str
    version: str


class PageFleet:
    """Some devices; `ahead` is the file by which the server's clock is moved (support/hurried_server.py)."""

    def __init__(self, server: RunningServer, ahead: Path, device_ids: tuple[str, ...], version: str) -> None:
        self._server, self._ahead, self._seconds = server, ahead, 0
        card = card_of(server, "page")
        self.devices = []
        for device_id in device_ids:
            answer = enrol(server, card, f"10000000{device_id.removeprefix('pi-')}", hostname=device_id)
            assert answer.device_id == device_id
            assert answer.api_token
            self.devices.append(_Device(device_id, answer.api_token, version))
        self.broken = ""  # the version that every device goes back from

    def live_until(self, rollout: int, state: str) -> None:
        """Let hours pass, in each of which every device asks, until a roll-out is in this state."""

        def is_so() -> bool:
            self.hour()
            shown = self._server.ask_admin("rollout show", rollout=rollout)["rollout"]
            return bool(shown["state"] == state)

        wait_until(is_so, 60, f"roll-out {rollout} is {state}")

    def hour(self) -> None:
        """Every device asks, takes what it is offered, and tells how that goes; the server looks at that."""
        for device in self.devices:
            self._ask(device)
        self._seconds += HOUR
        write_whole(self._ahead, str(self._seconds))
        looked = self._ahead.with_suffix(".looked")
        wait_until(lambda: looked.exists() and looked.read_text() == str(self._seconds), 20, "the server looks")

    def versions(self) -> dict[str, str]:
        """What each device runs."""
        return {device.device_id: device.version for device in self.devices}

    def _ask(self, device: _Device) -> None:
        query = urlencode({"device_id": device.device_id, "current_version": device.version})
        offer = self._server.request(f"/api/ota/check_update?{query}", token=device.token).json
        if not offer["has_update"]:
            return
        broken = offer["latest_version"] == self.broken
        steps = (OFFERED, DOWNLOADING, VERIFIED, TRIAL, ROLLED_BACK if broken else COMMITTED)
        for number, step in enumerate(steps):
            self._tell(device, offer, step, number)
        if not broken:
            device.version = offer["latest_version"]

    def _tell(self, device: _Device, offer: dict[str, Any], step: str, number: int) -> None:
        now = datetime.now(UTC) + timedelta(seconds=self._seconds, milliseconds=number)
        told = {
            "device_id": device.device_id, "version": offer["latest_version"], "status": status_of(step),
            "step": step, "update_id": offer["update_id"], "timestamp": format_time(now),
        }  # fmt: skip
        reason = {"reason": WHY} if step == ROLLED_BACK else {}
        answer = self._server.request("/api/ota/update_status", told | reason, token=device.token)
        assert answer.status == 200, answer.body
