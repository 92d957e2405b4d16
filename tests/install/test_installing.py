"""The guide's `sudo ./install_pi_client.sh`, on a machine that is thrown away afterwards.

Everything is real but systemctl and its like, which write down how they were called.
"""

from __future__ import annotations

import json
import os
import pwd
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from pi_auto.version import __version__
from support.box import Box
from support.installs import INSTALL, OPT, current, installed
from support.waiting import wait_until

SETTINGS = "/etc/pi_auto_client.json"
UNITS = "pi-auto-capture.service pi-auto-client.service"
NEWER = "0.9.0"


def upgrade_to(box: Box, of_version: Callable[[str], bytes], version: str = NEWER) -> None:
    box.write("/home/pi/pi_auto_client.py", of_version(version), mode=0o755)


def everything(box: Box) -> dict[str, bytes | str]:
    """All that lies in the places of the client, but for the releases that nobody runs."""
    found: dict[str, bytes | str] = {}
    for top in ("/etc", "/usr/local/bin", "/var/lib/pi-auto-client"):
        for path in sorted(box.path(top).rglob("*")):
            if path.is_file() and not path.is_symlink():
                found[str(path.relative_to(box.path("/")))] = path.read_bytes()
    return found | {"current": current(box)}


def test_what_it_puts_where(box: Box) -> None:
    said = installed(box)
    assert "reads scanners" in said
    assert "services:     pi-auto-client active, pi-auto-capture active" in said
    assert "server:       https://fleet.example:5443" in said
    assert current(box) == __version__
    settings = json.loads(box.path(SETTINGS).read_text())
    assert settings["server_url"] == "https://fleet.example:5443"
    assert settings["device_id"].startswith("pi-")
    assert stat.S_IMODE(box.path(SETTINGS).stat().st_mode) == 0o644
    calls = box.called()
    assert f"systemctl enable --quiet {UNITS} pi-auto-trial.service" in calls
    assert f"systemctl restart {UNITS}" in calls
    assert calls.index("systemctl daemon-reload") < calls.index(f"systemctl restart {UNITS}")


def test_without_a_server_it_says_how_to_name_one(box: Box) -> None:
    code, said = box.run("./install_pi_client.sh")
    assert code == 0, said
    assert "No server is set yet" in said.splitlines()[-1]
    assert said.splitlines()[-1].endswith("sudo pi-auto-client configure --server URL")
    assert "goes on trying" not in said


def test_code_belongs_to_root_and_nobody_else_can_write_it(box: Box) -> None:
    code, said = box.run(f"umask 077; {INSTALL}")
    assert code == 0, said
    files = [path for path in box.path(OPT).rglob("*") if not path.is_symlink()]
    assert {(path.stat().st_uid, path.stat().st_gid) for path in files} == {(0, 0)}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} <= {0o755, 0o644}
    assert list(box.path(f"{OPT}/current/app").rglob("pi_auto/client/__pycache__/cli.*.pyc"))


def test_each_user_has_its_folder_and_the_other_reads_what_it_must(box: Box) -> None:
    installed(box)
    code, said = box.run(
        "cd /var/lib/pi-auto-client && stat -c '%n %a %U %G' . capture agent /var/log/pi_auto_client.log"
    )
    assert code == 0, said
    assert said.splitlines() == [
        ". 755 root root",
        "capture 2750 pi-auto-capture pi-auto",
        "agent 2710 pi-auto pi-auto-capture",
        "/var/log/pi_auto_client.log 660 pi-auto-capture pi-auto",
    ]
    assert box.run("id -nG pi-auto; id -nG pi-auto-capture")[1].split() == ["pi-auto", "pi-auto-capture"]


def test_sudo_drops_to_the_agents_user(box: Box) -> None:
    installed(box)
    box.run(
        "mkdir -p /srv/x && chown pi-auto /srv/x && "
        "setpriv --reuid=pi-auto --regid=pi-auto --clear-groups touch /var/lib/pi-auto-client/agent/mine"
    )
    box.write(
        f"{OPT}/current/app/pi_auto/client/status/facts.py",
        "import os\nprint(os.getresuid())\nraise SystemExit(0)\n",
    )
    box.run(f"find {OPT}/current/app -name 'facts.*.pyc' -delete")
    uid = box.run("id -u pi-auto")[1].strip()
    assert box.run("pi-auto-client status")[1].strip() == f"({uid}, {uid}, {uid})"


def test_run_again_it_changes_nothing_and_is_healthy(box: Box) -> None:
    installed(box)
    box.write("/var/lib/pi-auto-client/capture/spool.sqlite", "scans")
    before = everything(box)
    assert box.run("./install_pi_client.sh")[0] == 0
    assert everything(box) == before


def test_run_again_it_repairs_what_was_damaged(box: Box) -> None:
    installed(box)
    whole = everything(box)
    box.path("/etc/systemd/system/pi-auto-capture.service").write_text("rubbish")
    box.path("/etc/udev/rules.d/72-pi-auto-client.rules").unlink()
    box.path(f"{OPT}/current/app/pi_auto/logs.py").write_text("rubbish")
    installed(box)
    assert everything(box) == whole | {"current": f"{__version__}-2"}
    assert [path.name for path in box.path(f"{OPT}/releases").iterdir() if not path.name.startswith(".")] != []
    assert box.run("pi-auto-client --version")[1] == f"pi-auto-client {__version__}\n"


def test_an_upgrade_keeps_queue_identity_and_settings(box: Box, of_version: Callable[[str], bytes]) -> None:
    installed(box)
    box.write("/var/lib/pi-auto-client/capture/spool.sqlite", "scans")
    box.write("/var/lib/pi-auto-client/agent/identity.json", "{}", mode=0o600)
    box.write(SETTINGS, '{"server_url": "https://mine.example", "log_barcodes": false}')
    before = everything(box)
    upgrade_to(box, of_version)
    assert box.run("./install_pi_client.sh")[0] == 0
    assert everything(box) == before | {"current": NEWER}
    assert box.path(f"{OPT}/previous").readlink().name == __version__


def test_a_release_that_does_not_run_gives_way_to_the_former_one(
    box: Box, of_version: Callable[[str], bytes]
) -> None:
    installed(box)
    before = everything(box)
    upgrade_to(box, of_version)
    box.write("/srv/broken", NEWER)
    impatient = (
        "import sys; sys.path.insert(0, 'pi_auto_client.py')\n"
        "from pathlib import Path\n"
        "from pi_auto.client.appliance.setup import Setup\n"
        "Setup(Path('pi_auto_client.py').resolve(), patience=0.5).run()\n"
    )
    box.write("/home/pi/impatient.py", impatient)
    code, said = box.run("python3 -I impatient.py")
    assert code == 1
    assert "the former one runs again: pi-auto-capture.service does not run: cannot register" in said
    assert everything(box) == before
    assert box.run("systemctl is-active pi-auto-client.service")[1] == "active\n"


def test_a_release_that_cannot_even_load_is_never_switched_to(
    box: Box, of_version: Callable[[str], bytes]
) -> None:
    installed(box)
    before = everything(box)
    box.called()
    broken = of_version(NEWER).replace(b"import paho", b"import pah0")
    box.write("/home/pi/pi_auto_client.py", broken, mode=0o755)
    code, said = box.run(INSTALL)
    assert code == 1, said
    assert everything(box) == before
    assert not [call for call in box.called() if "restart" in call or "reload" in call]


def test_a_disk_that_fills_up_half_way_changes_nothing(box: Box) -> None:
    code, said = box.run(f"{INSTALL}; code=$?; ls -A /opt/pi-auto-client/releases; exit $code", small="400k")
    assert code == 1
    assert "only" in said or "No space left on device" in said
    assert "unpacking" not in said
    assert not box.path(SETTINGS).exists()


def test_a_disk_that_is_full_only_for_setup_changes_nothing(box: Box) -> None:
    code, said = box.run(
        "python3 -I pi_auto_client.py setup; code=$?; ls -A /opt/pi-auto-client/releases; exit $code", small="400k"
    )
    assert code == 1
    assert "No space left on device; the former state still holds" in said
    assert ".unpacking" not in said
    assert not box.path("/etc/systemd/system/pi-auto-client.service").exists()


def test_settings_that_are_broken_are_told_and_left(box: Box) -> None:
    installed(box)
    box.write(SETTINGS, '{"server_url": ')
    before = everything(box)
    code, said = box.run(INSTALL)
    assert code == 1
    assert f"{SETTINGS}: is not JSON" in said
    assert everything(box) == before


def test_settings_that_cannot_work_are_refused(box: Box) -> None:
    code, said = box.run("./install_pi_client.sh --server ftp://fleet.example")
    assert code == 1
    assert "server_url" in said
    assert not box.path(SETTINGS).exists()


def test_an_interrupted_installation_leaves_the_former_state(box: Box, of_version: Callable[[str], bytes]) -> None:
    installed(box)
    before = everything(box)
    upgrade_to(box, of_version)
    box.write("/usr/local/sbin/systemd-sysusers", "#!/bin/sh\ntouch /srv/reached\nexec sleep 60\n", mode=0o755)
    with box.start(f"echo $$ > /srv/pid; exec {INSTALL}") as process:
        wait_until(box.path("/srv/reached").exists, what="it is in the middle of it")
        os.kill(int(box.path("/srv/pid").read_text()), 15)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "interrupted; the former state holds again" in said
    assert everything(box) == before


@pytest.mark.parametrize("step", ["unpack", "try_out", "configure", "place", "make_users_and_folders", "switch"])
def test_after_a_power_cut_behind_any_step_the_next_run_finishes(
    box: Box, of_version: Callable[[str], bytes], step: str
) -> None:
    installed(box)
    upgrade_to(box, of_version)
    cut = (
        "import os, sys; sys.path.insert(0, 'pi_auto_client.py')\n"
        "from pathlib import Path\n"
        "from pi_auto.client.appliance.setup import Setup\n"
        f"setup = Setup(Path('pi_auto_client.py').resolve())\n"
        "for step in setup.steps():\n"
        "    step()\n"
        f"    step.__name__ == '{step}' and os._exit(9)\n"
    )
    box.write("/home/pi/cut.py", cut)
    assert box.run("python3 -I cut.py")[0] == 9
    assert box.run("pi-auto-client --version")[0] == 0  # what is current still runs
    installed(box)
    assert current(box) == NEWER
    left = {path.name for path in box.path(f"{OPT}/releases").iterdir() if path.is_dir()}
    assert left >= {NEWER}
    assert not [name for name in left if name.startswith(".")]


def test_two_installations_at_once_do_not_mix(box: Box) -> None:
    installed(box)
    code, said = box.run(f"exec 9>/run/pi-auto-client-setup.lock; flock 9; {INSTALL}")
    assert code == 1
    assert "another installation or factory reset is running" in said


def test_an_image_gets_the_client_and_no_identity(box: Box, dist: Path) -> None:
    (package,) = dist.glob("*.deb")
    box.write(f"/home/pi/{package.name}", package.read_bytes())
    code, said = box.run(f"rmdir /run/systemd/system; dpkg -i --force-depends {package.name}")
    assert code == 0, said
    assert current(box) == __version__
    assert json.loads(box.path(SETTINGS).read_text()) == {}
    assert not list(box.path("/var/lib/pi-auto-client/agent").iterdir())
    assert not [call for call in box.called() if "restart" in call]
    code, said = box.run("dpkg --purge pi-auto-client")
    assert code == 0, said
    assert not box.path(OPT).exists()
    assert not box.path("/var/lib/pi-auto-client").exists()


def test_this_machine_was_left_alone() -> None:
    with pytest.raises(KeyError):
        pwd.getpwnam("pi-auto")
    assert not Path(OPT).exists()
