"""What systemd says of the two services, and how a person starts one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_auto.client.settings import DEFAULT_STATE, Settings
from pi_auto.client.status import services

BOTH = (services.AGENT, services.CAPTURE)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder where programs are found."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("script", "state"),
    [("echo active", "active"), ("echo failed; exit 3", "failed"), ("exit 1", "unknown"), (None, "unknown")],
)
def test_the_state_of_each_is_what_systemctl_says(path: Path, script: str | None, state: str) -> None:
    if script:
        (path / "systemctl").write_text(f"#!/bin/sh\n{script}\n")
        (path / "systemctl").chmod(0o755)
    assert services.states() == dict.fromkeys(BOTH, state)


def test_a_systemctl_that_hangs_is_not_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_PATIENCE", 0.1)
    (path / "systemctl").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    (path / "systemctl").chmod(0o755)
    assert services.states() == dict.fromkeys(BOTH, "unknown")


def test_what_starts_one_depends_on_whose_state_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_SYSTEMD", tmp_path)
    installed, by_hand = Settings(state=DEFAULT_STATE), Settings(state=tmp_path / "pi")
    assert services.start_command(installed, services.AGENT) == "sudo systemctl start pi-auto-client"
    assert services.start_command(by_hand, services.CAPTURE) == f"pi-auto-client capture --state {tmp_path / 'pi'}"
    assert not services.are_asked_for(by_hand)
    monkeypatch.setattr(services, "_SYSTEMD", tmp_path / "none")
    assert not services.are_asked_for(installed)
