"""A server's own hub, set aside while the server is stopped: the one that devices are to leave.

It goes on listening where it was, and lets the device in no more, as an operator would have it who
moves a fleet to another hub.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from pi_auto.server.context import now_utc
from pi_auto.server.trust.fleet import is_made, open_fleet
from support.hub import RunningHub


def former_hub(data: Path, folder: Path, device_id: str, host: str, *options: str) -> RunningHub:
    """The hub of the stopped server with its data in `data`, moved to `folder`; to be started and stopped."""
    port = int((data / "hub-port").read_text())
    (data / "hub-port").unlink()  # so that the next hub listens elsewhere
    folder.mkdir()
    shutil.move(data / "hub", folder / "hub")
    command = [
        sys.executable,
        "-m",
        "pi_auto.hub.cli",
        "device",
        "disable",
        "--data",
        str(folder / "hub"),
        device_id,
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    # devices know it by the name that it had
    name = (folder / "hub" / "name").read_text().strip()
    return RunningHub(
        folder, host=host, port=port, options=("--name", name, *_certificate(data, folder), *options)
    )


def _certificate(data: Path, folder: Path) -> tuple[str, ...]:
    """The options that have it show the fleet's certificate, as before."""
    if not is_made(data):  # a server without a fleet had no certificate
        return ()
    file = folder / "shown.pem"
    file.write_bytes(open_fleet(data, None, None, now_utc()).certificate.pem_in_the_clear())
    return ("--tls-cert", str(file), "--tls-key", str(file))
