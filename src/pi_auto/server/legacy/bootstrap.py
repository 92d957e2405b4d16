"""Turns the machine of an old client into one of the new client: an old client installs this file and starts it.

It runs on an old machine's Python, as root, with the standard library alone, and it is started in the
service whose unit it replaces: so it hands the work to a transient unit of its own. When the installer
cannot finish, the old client, its settings and its service are put back, and the server is told.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import glob
import json
import os
import stat
import subprocess
import sys
import time
import urllib.request
import zipfile
from typing import Any

VERSION = ""
PAYLOAD: dict[str, str] = {}
ROOT = os.environ.get("PI_AUTO_MIGRATION_ROOT", "/")  # another one where this is tried out
WORK, SETTINGS = "var/lib/pi-auto-migration", "etc/pi_auto_client.json"
OLD, OLD_SETTINGS, JOB = "old_client.py", "old_settings.json", "migrate.py"
UNIT, SERVICE = "pi-auto-migration", "pi-auto-client.service"
AGAIN = 3600  # seconds until it is tried again where no old client can be put back
INSTALLED_ONLY = 3  # the installer's code where all is in its place and a service does not run yet


def within(*parts: str) -> str:
    """A path below the root."""
    return os.path.join(ROOT, *parts)  # noqa: PTH118 - the oldest machines' way


def begin() -> int:
    """Put everything that is needed where it survives, and start the job outside this service."""
    os.makedirs(within(WORK), mode=0o700, exist_ok=True)  # noqa: PTH103 - see above
    keep_old_client()
    for name, text in PAYLOAD.items():
        write(within(WORK, name), base64.b64decode(text))
    write(within(WORK, JOB), read(os.path.abspath(__file__)))  # noqa: PTH100 - see above
    write(within(WORK, "place"), os.path.abspath(__file__).encode())  # noqa: PTH100 - see above
    # It stays until that has ended, or has replaced its service: left at once it would be started over and over.
    command = ["systemd-run", "--wait", "--unit=" + UNIT, "--collect", "--setenv=PI_AUTO_MIGRATION_ROOT=" + ROOT]
    command += [sys.executable, within(WORK, JOB), "--install"]
    if subprocess.call(command) != 0:  # it may be under way already, or have put the old client back
        log("the job could not be started, runs already, or has failed: journalctl -u " + UNIT)
    return 0


def install() -> int:
    """The job: run the installer, and put everything back if it fails."""
    told = settings()
    tell(told, "in_progress")
    trouble = unfit() or run_installer(told)
    if trouble is None:
        tell(told, "success")
        clean_up()
        return 0
    log("not migrated: " + trouble)
    put_back()
    tell(told, "failed")
    return 1


def unfit() -> str | None:
    """Why this machine cannot become a new client, if so."""
    if sys.version_info < (3, 11):  # noqa: UP036 - old machines are what this is for
        return "Raspberry Pi OS or Debian 12 is needed, with Python 3.11"
    return None


def run_installer(told: dict[str, Any]) -> str | None:
    """Run it with settings that hold the device's id alone: the rest was an old client's. Why it failed, if so."""
    if told:
        os.replace(within(SETTINGS), within(WORK, OLD_SETTINGS))  # noqa: PTH105 - see above
        if isinstance(told.get("device_id"), str):
            write(within(SETTINGS), json.dumps({"device_id": told["device_id"]}).encode(), 0o644)
    code = subprocess.call(["bash", within(WORK, "install_pi_client.sh")])
    return None if code in (0, INSTALLED_ONLY) else f"the installer ended with code {code}"


def put_back() -> None:
    """The old settings, the old client, and its service."""
    if os.path.exists(within(WORK, OLD_SETTINGS)):  # noqa: PTH110 - see above
        os.replace(within(WORK, OLD_SETTINGS), within(SETTINGS))  # noqa: PTH105 - see above
    if not os.path.exists(within(WORK, OLD)):  # noqa: PTH110 - see above
        log("there is no copy of the old client to go back to; trying again in an hour")
        time.sleep(AGAIN)
    else:
        write(read(within(WORK, "place")).decode(), read(within(WORK, OLD)), 0o755)
    subprocess.call(["systemctl", "--no-block", "restart", SERVICE])


def clean_up() -> None:
    """Nothing of the old client stays: its settings held a key."""
    with contextlib.suppress(OSError):
        os.unlink(read(within(WORK, "place")).decode())  # noqa: PTH108 - see above
    for name in (*PAYLOAD, OLD, OLD_SETTINGS, JOB, "place"):
        with contextlib.suppress(OSError):
            os.unlink(within(WORK, name))  # noqa: PTH108 - see above
    with contextlib.suppress(OSError):
        os.rmdir(within(WORK))  # noqa: PTH106 - see above


def keep_old_client() -> None:
    """Copy it out of its own backup, which lies in memory and where everybody may write: only root's is taken."""
    if os.path.exists(within(WORK, OLD)):  # noqa: PTH110 - see above
        return
    backups = [path for path in glob.glob(within("tmp", "backup_*.zip")) if is_ours(path)]  # noqa: PTH207 - see above
    for path in sorted(backups, key=os.path.getmtime, reverse=True):  # the newest one first
        try:
            with zipfile.ZipFile(path) as archive:
                found = [name for name in archive.namelist() if name.split("/")[-1] == "pi_auto_client.py"]
                if found:
                    write(within(WORK, OLD), archive.read(found[0]))
                    return
        except (OSError, zipfile.BadZipFile) as error:
            log(f"{path} cannot be read: {error}")


def is_ours(path: str) -> bool:
    """Whether the file is a plain one of this user's."""
    about = os.lstat(path)
    return stat.S_ISREG(about.st_mode) and about.st_uid == os.geteuid()


def settings() -> dict[str, Any]:
    """What the old client was told; nothing if that cannot be read."""
    try:
        told = json.loads(read(within(SETTINGS)).decode())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def tell(told: dict[str, Any], status: str) -> None:
    """Say to the server how it goes, the way old clients do; it is no matter if nobody listens."""
    now = dt.datetime.now().isoformat()  # noqa: DTZ005 - the contract's form
    body = {"device_id": told.get("device_id"), "version": VERSION, "status": status, "timestamp": now}
    url = str(told.get("server_url") or "").rstrip("/") + "/api/ota/update_status"
    if not url.startswith(("http://", "https://")):
        return
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310
    try:
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - http or https, see above
    except (OSError, ValueError) as error:
        log(f"the server was not told: {error}")


def read(path: str) -> bytes:
    """All of a file."""
    with open(path, "rb") as file:  # noqa: PTH123 - see above
        return file.read()


def write(path: str, octets: bytes, mode: int = 0o600) -> None:
    """A file as a whole, whatever happens meanwhile."""
    descriptor = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)  # noqa: PTH105 - see above


def log(sentence: str) -> None:
    """One line for the journal."""
    sys.stderr.write("pi-auto-migration: " + sentence + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(install() if sys.argv[1:] == ["--install"] else begin())
