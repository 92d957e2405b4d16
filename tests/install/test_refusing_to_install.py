"""What the installer cannot work with: it says so in a sentence, and changes nothing."""

from __future__ import annotations

import pytest

from support.box import Box
from support.installs import INSTALL, OPT, installed

REFUSALS = {
    "not root": ("setpriv --reuid=65534 --clear-groups ./install_pi_client.sh", "must be run by root: sudo"),
    "piped into bash": (
        "cd /tmp; bash < /home/pi/install_pi_client.sh",
        "pi_auto_client.py is missing; copy it to /tmp",
    ),
    "one file alone": ("rm pi_auto_client.py; ./install_pi_client.sh", "pi_auto_client.py is missing"),
    "half a file": ("truncate -s 300000 pi_auto_client.py; ./install_pi_client.sh", "incomplete or damaged"),
    "no systemd": ("rmdir /run/systemd/system; ./install_pi_client.sh", "systemd does not run here"),
    "another system": ("PATH=/tmp/bin; ./install_pi_client.sh", "this system is not supported"),
    "unknown option": ("./install_pi_client.sh --sever x", "unrecognized arguments: --sever"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_it_cannot_work_with_is_told_in_a_sentence(box: Box, case: str) -> None:
    command, sentence = REFUSALS[case]
    tools = "mkdir -p /tmp/bin; for tool in bash env dirname id; do ln -sf $(command -v $tool) /tmp/bin/; done; "
    code, said = box.run((tools if case == "another system" else "") + command)
    assert code != 0
    assert sentence in said
    assert "Traceback" not in said
    assert "unbound variable" not in said
    assert not box.path(OPT).exists() or not any(box.path(OPT).rglob("current"))


FAKES = {
    "wrong architecture": ("dpkg", "echo riscv64", "architecture riscv64 is not supported; supported: armhf"),
    "Python too old": (
        "python3", "case $* in *version_info*) exit 1;; --version) echo Python 3.9.2;; esac",
        "Python 3.11 or newer is needed, this is Python 3.9.2",
    ),
    "no disk": ("df", "echo Avail; echo 5000", "only 4 MB of disk are free; 100 MB are needed"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAKES)
def test_a_machine_that_does_not_fit_is_told_so(box: Box, case: str) -> None:
    name, script, sentence = FAKES[case]
    box.write(f"/usr/local/sbin/{name}", f"#!/bin/sh\n{script}\n", mode=0o755)
    code, said = box.run(INSTALL)
    assert code == 1
    assert sentence in said
    assert not box.path(OPT).exists()


def test_a_machine_without_opt_gets_one(box: Box) -> None:
    code, said = box.run(f"rm -rf /opt; {INSTALL}")
    assert code == 0, said


APT = {
    "no network": ("Temporary failure resolving 'deb.debian.org'", "there is no network"),
    "apt locked": ("E: Could not get lock /var/lib/dpkg/lock-frontend.", "another program is installing packages"),
    "disk full": ("E: You don't have enough free space in /var/cache/apt/archives/.", "the disk is full"),
    "dpkg interrupted": ("E: dpkg was interrupted, you must manually run", "run sudo dpkg --configure -a"),
    "anything else": ("E: Unable to locate package logrotate", "E: Unable to locate package logrotate"),
}


@pytest.mark.parametrize("case", APT)
def test_why_a_package_could_not_be_installed_is_told(box: Box, case: str) -> None:
    apt_said, sentence = APT[case]
    box.write("/usr/local/sbin/apt-get", f'#!/bin/sh\necho "{apt_said}" >&2\nexit 100\n', mode=0o755)
    box.path("/usr/local/sbin/logrotate").unlink()
    code, said = box.run(f"rm -f /usr/sbin/logrotate; {INSTALL}")
    assert code == 1
    assert "logrotate could not be installed" in said
    assert sentence in said
    assert "nothing else was changed" in said
    assert not box.path(OPT).exists()


def test_no_network_is_told_where_apt_only_warns_of_it(box: Box) -> None:
    """As on a fresh machine without package lists: fetching them warns, and then nothing is found."""
    apt = "case $* in *update*) echo 'W: Temporary failure resolving deb.debian.org' >&2; exit 0;; esac"
    unknown = "echo 'E: Unable to locate package logrotate' >&2; exit 100"
    box.write("/usr/local/sbin/apt-get", f"#!/bin/sh\n{apt}\n{unknown}\n", mode=0o755)
    box.path("/usr/local/sbin/logrotate").unlink()
    code, said = box.run(f"rm -f /usr/sbin/logrotate; {INSTALL}")
    assert code == 1
    assert "logrotate could not be installed: there is no network" in said


def test_only_packages_that_are_missing_are_installed(box: Box) -> None:
    installed(box)
    assert not [call for call in box.called() if call.startswith("apt-get")]
    box.path("/usr/local/sbin/logrotate").unlink()
    code, said = box.run(f"rm -f /usr/sbin/logrotate; {INSTALL}")
    assert code == 0, said
    (call,) = [call for call in box.called() if call.startswith("apt-get")]
    assert call.endswith("install -y --no-install-recommends logrotate")
