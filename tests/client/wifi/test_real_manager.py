"""The helper's rights and profiles, as the real NetworkManager and the real polkit judge them.

In namespaces of their own, so that this machine's network, users and rules stay as they are. There is no radio
here: joining itself is tried with python-dbusmock (test_joining.py).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
RULES = ROOT / "install/system/etc/polkit-1/rules.d"
PASSWORD = "canary-Pa55"
_NEEDED = ("NetworkManager", "dbus-daemon", "unshare", "setpriv", "ip")

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0
    or not all(shutil.which(name) for name in _NEEDED)
    or not Path("/usr/lib/polkit-1/polkitd").exists(),
    reason="needs root, and NetworkManager and polkitd of Debian",
)

# $1: a folder of rules, $2: scratch; the rest is run as pi-auto-wifi once NetworkManager is there.
MACHINE = """
set -eu
rules=$1 scratch=$2; shift 2
for folder in /run /etc/NetworkManager /etc/polkit-1/rules.d; do
    mkdir -p $folder && mount -t tmpfs -o mode=755 tmpfs $folder
done
mkdir -p /run/dbus /etc/NetworkManager/system-connections
{ cat /etc/passwd; echo pi-auto-wifi:x:7411:7411::/nonexistent:/usr/sbin/nologin; } > /run/passwd
mount --bind /run/passwd /etc/passwd
cp $rules/* /etc/polkit-1/rules.d/
ip link set lo up
dbus-daemon --system --nopidfile --fork
/usr/lib/polkit-1/polkitd --no-debug > $scratch/polkit.log 2>&1 &
NetworkManager --no-daemon --log-level=DEBUG > $scratch/manager.log 2>&1 &
trap 'kill %1 %2; wait' EXIT
for _ in $(seq 100); do
    [ -S /run/dbus/system_bus_socket ] && busctl --system status org.freedesktop.NetworkManager > /dev/null 2>&1 &&
        busctl --system status org.freedesktop.PolicyKit1 > /dev/null 2>&1 && break
    sleep 0.1
done
setpriv --reuid=7411 --regid=7411 --clear-groups "$@"
cp -r /etc/NetworkManager/system-connections $scratch/kept
"""
PROGRAM = """
import sys
from pi_auto.client.wifi.code import parse
from pi_auto.client.wifi.network_manager import ManagerError, NetworkManager
from pi_auto.client.wifi.profile import is_scanned, profile_of, ssid_in
manager = NetworkManager()
address, name = "/org/freedesktop/NetworkManager/Settings", "org.freedesktop.NetworkManager.Settings"
for number, code in enumerate(sys.argv[1:]):
    uuid = f"00000000-0000-4000-8000-00000000000{number}"
    try:
        body = (profile_of(parse(code), uuid), 2, {})
        (path,) = manager._call(address, name, "AddConnection2", "a{sa{sv}}ua{sv}", body)[:1]
        assert manager.find(uuid) == path
        profile = manager.profiles()[path]
        assert is_scanned(profile) and ssid_in(profile), profile
        manager.keep(path)
        if number:
            manager.delete(path)
        print("kept")
    except ManagerError as error:
        print("denied" if error.is_denied else error.name)
"""
CODES = (
    f"WIFI:T:WPA;S:net;P:{PASSWORD};H:true;;", "WIFI:S:caf\u00e9;;", f"WIFI:T:SAE;S:net;P:{PASSWORD};;",
    "WIFI:T:WEP;S:old;P:abcde;;", "WIFI:T:WEP;S:old;P:0123456789;;", f"WIFI:T:WPA;S:net;P:{'a' * 64};;",
)  # fmt: skip


def machine(scratch: Path, rules: Path) -> list[str]:
    """What the program says there."""
    done = subprocess.run(
        ["unshare", "-m", "-n", "-u", "bash", "-c", MACHINE, "machine", str(rules), str(scratch),
         sys.executable, "-c", PROGRAM, *CODES],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_it_takes_every_kind_of_network_and_logs_no_password(tmp_path: Path) -> None:
    assert machine(tmp_path, RULES) == ["kept"] * len(CODES)
    (kept,) = (tmp_path / "kept").iterdir()
    assert {"autoconnect-priority=-10", f"psk={PASSWORD}", "hidden=true"} <= set(kept.read_text().splitlines())
    assert kept.stat().st_mode & 0o777 == 0o600
    for log in tmp_path.glob("*.log"):
        assert PASSWORD not in log.read_text()


def test_without_the_rule_it_lets_the_helper_do_nothing(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/90-none.rules").write_text("// none\n")
    assert machine(tmp_path, tmp_path / "rules") == ["denied"] * len(CODES)
