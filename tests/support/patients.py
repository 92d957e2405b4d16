"""A device for doctor to examine: a folder that stands for its root, with what the kernel would show in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pi_auto.client.agent.enrolment.identity import identity_of
from pi_auto.client.agent.enrolment.registration import store_registration
from pi_auto.client.bulletin import Bulletin
from pi_auto.client.doctor.patient import Patient
from pi_auto.client.settings import Settings
from pi_auto.wire.registration import HubDial, RegistrationAnswer
from support.records import START

DEVICE = "pi-1a2b3c4d"
KEY = "c2VjcmV0IGtleSBvZiB0aGlzIGRldmljZSBhbG9uZQ=="
TOKEN = "a-token-of-this-device-" + "x" * 20


class Device:
    """A device with its root in `folder`/root and its state in `folder`/state; its server is nobody."""

    def __init__(self, folder: Path, server_url: str = "http://127.0.0.1:1", **settings: Any) -> None:
        self.root, self.state = folder / "root", folder / "state"
        self.root.mkdir(parents=True)
        for name in ("agent", "capture"):
            (self.state / name).mkdir(parents=True)
        self.file = folder / "client.json"
        self.settings = Settings(state=self.state, server_url=server_url, **settings)
        self.file.write_text(json.dumps({"server_url": server_url}))

    @property
    def patient(self) -> Patient:
        """As doctor sees it now."""
        return Patient(self.settings, self.file, root=self.root)

    def show(self, files: Mapping[str, str], mode: int = 0o644) -> None:
        """Have the kernel, or whoever it is, show files of these contents."""
        for name, content in files.items():
            path = self.root / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
            path.chmod(mode)

    def register(self, hub: HubDial | None = None, *, with_hub: bool = True) -> None:
        """Be registered with the server of the settings."""
        identity_of(self.state / "agent", DEVICE)
        answer = RegistrationAnswer(
            device_id=DEVICE, registration_date=START,
            server_url=self.settings.server_url, hub=hub, api_token=TOKEN,
            connection_string=f"HostName=hub.test;DeviceId={DEVICE};SharedAccessKey={KEY}" if with_hub else None,
        )  # fmt: skip
        store_registration(self.state / "agent", self.settings.server_url, answer)

    def agent_posts(self, **topics: Any) -> None:
        """Have the agent tell these."""
        _post(self.state / "agent", topics)

    def capture_posts(self, **topics: Any) -> None:
        """Have capture tell these."""
        _post(self.state / "capture", topics)


def _post(folder: Path, topics: Mapping[str, Any]) -> None:
    bulletin = Bulletin(folder)
    for topic, news in topics.items():
        bulletin.post(topic, news)
