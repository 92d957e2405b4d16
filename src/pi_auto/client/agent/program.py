"""The agent as a program: it runs until SIGTERM, and says once when it is ready."""

from __future__ import annotations

import shlex
import signal
import sqlite3
import sys
from collections.abc import Sequence

from pi_auto.client.agent.agent import Agent
from pi_auto.client.agent.enrolment.identity import NoIdentity
from pi_auto.client.agent.waiting import Waiting
from pi_auto.client.settings import Settings, SettingsError
from pi_auto.client.whereabouts import has_server
from pi_auto.wire.errors import FieldError


def run_agent(settings: Settings | None, waiting: Waiting, doctor: Sequence[str]) -> int:
    """Run until SIGTERM or SIGINT, first `waiting` for settings that name a server; the exit code.

    `doctor` is the command that examines this device.
    """
    try:
        if settings is None or not _knows_its_server(settings):
            settings = waiting.settings()
        if settings is None:
            return 0
        agent = Agent(settings, doctor)
    except (FieldError, SettingsError) as error:
        print(f"pi-auto-client: {error}", file=sys.stderr)
        return 2
    except (OSError, sqlite3.Error, NoIdentity) as error:
        print(f"pi-auto-client: the agent cannot use {waiting.folder.parent}: {error}", file=sys.stderr)
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.stop())
    print(f"pi-auto-client agent ready: device={shlex.quote(agent.identity.device_id)}", flush=True)
    return 0 if agent.run() else 1


def _knows_its_server(settings: Settings) -> bool:
    """A card that cannot be read is waited for to be mended: without it, nobody could be believed."""
    try:
        return has_server(settings)
    except SettingsError:
        return False
