"""The commands `doctor` and `wifi`: what is wrong with this device, which networks it joined by scanning."""

from __future__ import annotations

import argparse
from pathlib import Path

from pi_auto.client.commands.options import Add, seconds
from pi_auto.client.services import given
from pi_auto.client.settings import CommandLineError
from pi_auto.typed import Any

_DOCTOR = """examples:
  sudo pi-auto-client doctor                           a line for each check: ok, warn or wrong, and what to do
  sudo pi-auto-client doctor --bundle /tmp/bundle.zip  the same, and a file for those who help from afar
  sudo pi-auto-client doctor --before-shipping         the guide's list, each box ticked or not, and why
exit code 0: nothing is wrong (every box is ticked). 1: something is. 2: it could not begin.
"""


def add_commands(commands: Any, add: Add, shared: argparse.ArgumentParser) -> None:
    """Add them, and the helper that systemd starts; `shared` has the options of all settings."""
    _add_doctor(
        add(commands, "doctor", _doctor, "say what is wrong with this device, and what to do about it", shared)
    )
    wifi = add(commands, "wifi", _wifi, "the networks joined by scanning; --forget forgets them, as root")
    wifi.add_argument("--json", action="store_true", help="as one JSON object")
    wifi.add_argument(
        "--forget", action="store_true", help="forget all networks that came by scanning, and no other"
    )
    add(
        commands, "wifi-helper", _wifi_helper, "follow a scanned Wi-Fi code: pi-auto-wifi.socket starts it", shared
    )


def _add_doctor(doctor: argparse.ArgumentParser) -> None:
    doctor.epilog = _DOCTOR
    doctor.add_argument("--json", action="store_true", help="as one JSON object")
    doctor.add_argument(
        "--bundle", type=Path, metavar="FILE", help="write logs and state, without secrets, to a zip file"
    )
    doctor.add_argument("--with-barcodes", action="store_true", help="leave barcodes in the bundle; else masked")
    doctor.add_argument(
        "--before-shipping", action="store_true", help="tick the guide's list, with a scan while offline"
    )
    doctor.add_argument(
        "--seconds", type=seconds, default=60, metavar="N", help="how long that scan is waited for (default: 60)"
    )


def _doctor(arguments: argparse.Namespace) -> int:
    settings = given(arguments)
    if arguments.before_shipping:
        from pi_auto.client.doctor.shipping import before_shipping  # noqa: PLC0415 - loaded when needed

        if arguments.config or arguments.bundle or any(value is not None for value in settings.values()):
            raise CommandLineError("--before-shipping looks at the installed device; allowed: --seconds, --json")
        return before_shipping(arguments.seconds, as_json=arguments.json)
    from pi_auto.client.doctor.program import Wanted, doctor  # noqa: PLC0415 - loaded when needed

    return doctor(arguments.config, settings, Wanted(arguments.json, arguments.bundle, arguments.with_barcodes))


def _wifi(arguments: argparse.Namespace) -> int:
    from pi_auto.client.wifi.telling import forget, show  # noqa: PLC0415 - loaded when needed

    return forget() if arguments.forget else show(as_json=arguments.json)


def _wifi_helper(arguments: argparse.Namespace) -> int:
    from pi_auto.client.wifi.helper import run_helper  # noqa: PLC0415 - loaded when needed

    return run_helper(arguments.config)
