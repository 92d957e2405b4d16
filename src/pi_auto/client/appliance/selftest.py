"""`pi_auto_client.py self-test`: loads all that the services need on this machine's Python.

Run out of a new release before it becomes the current one.
"""

from __future__ import annotations

import importlib
import sqlite3
import ssl
import sys

_MODULES = (
    "pi_auto.client.wifi.helper",
    "pi_auto.client.wifi.telling",
    "pi_auto.client.switcher.program",
    "pi_auto.client.capture.program",
    "pi_auto.client.agent.program",
    "pi_auto.client.agent.update.metadata",
    "pi_auto.client.agent.update.fetcher",
    "pi_auto.client.status.screen",
    "pi_auto.client.status.facts",
    "pi_auto.client.status.trying",
    "pi_auto.client.doctor.program",
    "paho.mqtt.client",
)


def self_test() -> int:
    """Say what does not work here; the exit code."""
    try:
        for module in _MODULES:
            importlib.import_module(module)
        ssl.create_default_context()
        sqlite3.connect(":memory:").close()
    except Exception as error:  # noqa: BLE001 - whatever it is, this release must not be switched to
        print(f"pi-auto-client self-test: this release does not work here: {error!r}", file=sys.stderr)
        return 1
    print("pi-auto-client self-test: ok")
    return 0
