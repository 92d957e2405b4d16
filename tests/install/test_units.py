"""The units, as systemd's own tools judge them, and the promises that are written in them."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest

from pi_auto.client.agent.methods.reboot import WISH
from pi_auto.client.appliance.turns import TRIAL
from pi_auto.client.clockfloor.floor import FOLDER
from pi_auto.client.clockfloor.raising import PROOF_FILE
from pi_auto.client.settings import Settings
from pi_auto.client.switcher.ending import JUDGE
from pi_auto.client.switcher.program import MARK
from pi_auto.client.wifi.attempt import FOLDER as WIFI_FOLDER
from pi_auto.client.wifi.door import DOOR

ROOT = Path(__file__).parents[2]
SYSTEM = ROOT / "install/system/etc"
UNITS = ("pi-auto-client", "pi-auto-capture")
HELPERS = ("pi-auto-clock",)
MOST_EXPOSED = 2.0
MOST_EXPOSED_SWITCHER = 4.0  # it is root, and places system files
LAUNCHER = "/usr/local/bin/pi-auto-switcher"

with_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")


def unit(name: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(SYSTEM / "systemd/system" / (name if "." in name else f"{name}.service"))
    return parser


@with_systemd
@pytest.mark.parametrize("name", [*UNITS, *HELPERS, "pi-auto-wifi"])
def test_the_sandbox_is_tight(name: str) -> None:
    file = SYSTEM / f"systemd/system/{name}.service"
    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(file)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    assert float(said.split(":")[1].split()[0]) <= MOST_EXPOSED


@with_systemd
def test_the_switcher_has_no_way_to_a_network_and_few_rights_of_root() -> None:
    file = SYSTEM / "systemd/system/pi-auto-update.service"
    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(file)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    assert float(said.split(":")[1].split()[0]) <= MOST_EXPOSED_SWITCHER
    service = unit("pi-auto-update")["Service"]
    assert service["RestrictAddressFamilies"] == "AF_UNIX AF_NETLINK"
    assert "CAP_SYS_ADMIN" not in service["CapabilityBoundingSet"]


def test_the_thread_that_reads_keys_alone_has_real_time_priority() -> None:
    capture = unit("pi-auto-capture")["Service"]
    assert (capture["CPUSchedulingPolicy"], capture["CPUSchedulingPriority"]) == ("rr", "20")
    assert capture["CPUSchedulingResetOnFork"] == "yes"  # else the thread that commits would have it as well


def test_what_is_switched_by_files_looks_where_the_switcher_writes() -> None:
    mark, state = "/" + "/".join(MARK), f"/{TRIAL}"
    assert unit("pi-auto-update.path")["Path"]["PathExists"] == mark
    text = (SYSTEM / "systemd/system/pi-auto-trial.service").read_text()
    assert f"ConditionPathExists={state}\n" in text
    launcher = (ROOT / f"install/system{LAUNCHER}").read_text()
    assert f"-e {state} " in launcher
    assert f"/opt/pi-auto-client/{JUDGE}/app" in launcher


@with_systemd
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    for file in (path for path in (SYSTEM / "systemd/system").iterdir() if path.is_file()):
        # The release that it starts is not on this machine.
        text = file.read_text().replace("/usr/bin/python3", "/bin/true").replace(LAUNCHER, "/bin/true")
        (tmp_path / file.name).write_text(text)
    files = sorted(str(path) for path in tmp_path.iterdir())
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if "pi-auto" in line] == []


@pytest.mark.parametrize(("name", "within"), [("pi-auto-client", "10"), ("pi-auto-capture", "20ms")])
def test_it_never_gives_up(name: str, within: str) -> None:
    found = unit(name)
    assert found["Unit"]["StartLimitIntervalSec"] == "0"
    assert found["Service"]["Restart"] == "always"
    assert found["Service"]["RestartSec"] == within


def test_what_is_started_again_with_a_service_does_not_give_up_either() -> None:
    found = {
        file.name: unit(file.name) for file in (SYSTEM / "systemd/system").glob("pi-auto-*.*") if file.is_file()
    }
    parts = {name: each["Unit"] for name, each in found.items() if "PartOf" in each["Unit"]}
    assert {"pi-auto-wifi.socket", "pi-auto-clock.path"} <= parts.keys()
    assert {name: each.get("StartLimitIntervalSec") for name, each in parts.items()} == dict.fromkeys(parts, "0")


def test_no_limit_on_the_switchers_starts_ends_what_waits_for_the_mark() -> None:
    assert unit("pi-auto-update")["Unit"]["StartLimitIntervalSec"] == "0", "switcher/pacing.py is the limit"


def test_the_agent_is_watched_and_ready_when_it_says_so() -> None:
    service = unit("pi-auto-client")["Service"]
    assert (service["Type"], service["WatchdogSec"]) == ("notify", "60")


def test_capture_has_no_network_and_the_agent_no_devices() -> None:
    capture, agent = unit("pi-auto-capture")["Service"], unit("pi-auto-client")["Service"]
    assert (capture["PrivateNetwork"], capture["RestrictAddressFamilies"]) == ("yes", "AF_UNIX")
    assert (agent["PrivateDevices"], "DeviceAllow" in agent) == ("yes", False)


def test_devices_are_given_to_capture_for_good_whatever_other_rules_say() -> None:
    rules = (SYSTEM / "udev/rules.d/72-pi-auto-client.rules").read_text().splitlines()
    shared = [rule for rule in rules if rule.startswith(('SUBSYSTEM=="input"', 'SUBSYSTEM=="gpio"'))]
    assert len(shared) == 2
    assert all('GROUP:="pi-auto-capture", MODE:=' in rule for rule in shared)


def test_the_header_is_captures_only_where_a_setting_names_lines_of_it() -> None:
    rules = (SYSTEM / "udev/rules.d/72-pi-auto-client.rules").read_text().splitlines()
    (rule,) = [rule for rule in rules if 'KERNEL=="gpiochip*"' in rule]
    assert 'PROGRAM=="/bin/grep -qs signal_gpio /etc/pi_auto_client.json"' in rule
    assert "signal_gpio" in {field.name for field in fields(Settings)}


def test_only_capture_may_hand_over_a_wifi_code() -> None:
    door, helper = unit("pi-auto-wifi.socket"), unit("pi-auto-wifi")["Service"]
    assert door["Socket"]["ListenStream"] == str(DOOR)
    assert (door["Socket"]["SocketGroup"], door["Socket"]["SocketMode"]) == ("pi-auto-capture", "0660")
    assert "Install" not in door  # capture brings it
    assert "pi-auto-wifi.socket" in unit("pi-auto-capture")["Unit"]["Wants"].split()
    assert f"/run/{helper['RuntimeDirectory']}" == str(WIFI_FOLDER)


def test_the_helper_has_networkmanager_and_nothing_else_and_leaves_no_core() -> None:
    helper = unit("pi-auto-wifi")["Service"]
    assert (helper["User"], helper["CapabilityBoundingSet"]) == ("pi-auto-wifi", "")
    assert (helper["RestrictAddressFamilies"], helper["PrivateDevices"]) == ("AF_UNIX", "yes")
    assert helper["LimitCORE"] == unit("pi-auto-capture")["Service"]["LimitCORE"] == "0"
    rule = (SYSTEM / "polkit-1/rules.d/50-pi-auto-wifi.rules").read_text()
    assert re.findall(r'"(org\.[^"]+)"', rule) == [
        "org.freedesktop.NetworkManager.network-control", "org.freedesktop.NetworkManager.settings.modify.system",
    ]  # fmt: skip
    assert f'subject.user === "{helper["User"]}"' in rule
    assert f"u {helper['User']} " in (SYSTEM / "sysusers.d/pi-auto-client.conf").read_text()


def test_neither_unit_holds_the_other_so_that_scanning_goes_on() -> None:
    capture = unit("pi-auto-capture")
    assert not {"PartOf", "BindsTo", "Requires"} & {*capture["Unit"], *unit("pi-auto-client")["Unit"]}
    wanted = unit("pi-auto-client")["Unit"]["Wants"].split()
    clock = ["pi-auto-clock.service", "pi-auto-clock.path", "pi-auto-update.path"]
    clock += ["pi-auto-os-updates.timer", "pi-auto-os-reboot.timer"]
    assert wanted == ["pi-auto-capture.service", "pi-auto-reset.service", "pi-auto-reboot.path", *clock]


def test_the_agent_reboots_by_one_file_of_its_own_and_nothing_else() -> None:
    path, reboot = unit("pi-auto-reboot.path"), unit("pi-auto-reboot")["Service"]
    agent = unit("pi-auto-client")["Service"]
    assert path["Path"]["PathExists"] == f"/run/{agent['RuntimeDirectory']}/{WISH}"
    assert path["Unit"]["PartOf"] == "pi-auto-client.service"
    assert "Install" not in path  # the agent brings it
    text = (SYSTEM / "systemd/system/pi-auto-reboot.service").read_text()
    commands = [line.partition("=")[2] for line in text.splitlines() if line.startswith("ExecStart")]
    assert commands == [f"/usr/bin/rm -f {path['Path']['PathExists']}", "/usr/local/bin/pi-auto-reboot"]
    assert (reboot["NoNewPrivileges"], reboot["PrivateNetwork"]) == ("yes", "yes")
    assert (
        "RuntimeDirectoryPreserve" not in agent
    )  # or what one boot has asked for would be there in the next start


def test_the_clock_is_raised_before_the_agent_starts_and_whenever_it_hands_a_time_over() -> None:
    assert "pi-auto-clock.service" in unit("pi-auto-client")["Unit"]["After"].split()
    path = unit("pi-auto-clock.path")
    assert path["Path"]["PathChanged"] == f"/var/lib/pi-auto-client/agent/{PROOF_FILE}"
    assert "Install" not in path  # the agent brings it
    assert path["Unit"]["PartOf"] == "pi-auto-client.service"  # and goes with it, when all is uninstalled
    assert "Install" not in unit("pi-auto-clock")


def test_who_raises_the_clock_can_do_nothing_else() -> None:
    helper = unit("pi-auto-clock")["Service"]
    assert (helper["Type"], helper["CapabilityBoundingSet"]) == ("oneshot", "CAP_SYS_TIME")
    assert (helper["PrivateNetwork"], helper["RestrictAddressFamilies"]) == ("yes", "none")
    assert helper["ReadWritePaths"] == f"-/{FOLDER}"
    rules = (SYSTEM / "tmpfiles.d/pi-auto-client.conf").read_text()
    assert f"d /{FOLDER}   0755 root            root" in rules  # nobody else writes the floor
    assert unit("pi-auto-client")["Service"]["ProtectClock"] == "yes"


def test_the_agent_may_yield_and_not_hurry() -> None:
    agent = unit("pi-auto-client")["Service"]
    assert (agent["CapabilityBoundingSet"], agent["NoNewPrivileges"]) == ("", "yes")
    assert "LimitNICE" not in agent


def test_settings_that_the_units_rely_on_stand_in_the_rules_as_well() -> None:
    rules = (SYSTEM / "tmpfiles.d/pi-auto-client.conf").read_text()
    users = (SYSTEM / "sysusers.d/pi-auto-client.conf").read_text()
    for name in UNITS:
        service = unit(name)["Service"]
        assert f"u {service['User']} " in users
        folder = "agent" if name == "pi-auto-client" else "capture"
        assert f"/var/lib/pi-auto-client/{folder}" in rules
        assert "/var/log/pi_auto_client.log" in rules


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="needs shellcheck")
def test_the_scripts_are_clean() -> None:
    scripts = [*(ROOT / "install").glob("*.sh"), *(ROOT / "install/debian").iterdir()]
    scripts += [
        ROOT / f"install/system{LAUNCHER}",
        ROOT / "install/system/usr/local/bin/pi-auto-client",
        ROOT / "script/image",
    ]
    scripts += (ROOT / "image").rglob("*.sh")
    done = subprocess.run(["shellcheck", "--format=json", *map(str, scripts)], capture_output=True, check=False)
    assert json.loads(done.stdout) == []


@pytest.mark.skipif(not shutil.which("apt-config"), reason="needs Debian")
def test_apt_takes_security_updates_alone_and_reboots_nothing() -> None:
    file = SYSTEM / "apt/apt.conf.d/52pi-auto-client"
    said = subprocess.run(
        ["apt-config", "-c", str(file), "dump"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    origins = [line.split('"')[1] for line in said if line.startswith("Unattended-Upgrade::Origins-Pattern:: ")]
    assert [origin.split(",")[-1] for origin in origins] == ["label=Debian-Security", "label=Raspbian"]
    assert not [line for line in said if line.startswith("Unattended-Upgrade::Allowed-Origins:: ")]
    assert 'APT::Periodic::Unattended-Upgrade "1";' in said
    assert 'Unattended-Upgrade::Automatic-Reboot "false";' in said


def test_nothing_of_the_system_changes_while_an_update_is_tried_out() -> None:
    """Neither by apt's own timer nor by ours; and reboots are spread over the night."""
    refused = f"ConditionPathExists=!/{TRIAL}\n"
    folder = SYSTEM / "systemd/system"
    for name in ("apt-daily-upgrade.service.d/pi-auto-client.conf", "pi-auto-os-updates.service",
                 "pi-auto-os-reboot.service"):  # fmt: skip
        assert refused in (folder / name).read_text()
    timer = unit("pi-auto-os-reboot.timer")["Timer"]
    assert (timer["RandomizedDelaySec"], timer["FixedRandomDelay"]) == ("3h", "yes")
