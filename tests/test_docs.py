"""What the docs name exists, and what exists is named in the docs."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import io
import re
from pathlib import Path

import pytest
from flask import Flask

from pi_auto.client.settings import Settings
from pi_auto.server import pi_api
from support.guide_lines import LINES

ROOT = Path(__file__).parent.parent
DOCS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
COMMANDS = {
    "pi_auto.server.cli": [
        "run",
        "scanner",
        "device",
        "audit",
        "capacity",
        "operator link",
        "operator token-create",
        "operator token-list",
        "operator token-revoke",
        "enrolment policy",
        "enrolment pending",
        "enrolment approve",
        "enrolment refuse",
        "enrolment code",
        "enrolment clones",
        "enrolment settle",
        "enrolment shut-out",
        "enrolment hub",
        "enrolment preauthorise",
        "enrolment batch-create",
        "enrolment batch-end",
        "enrolment revoke",
        "enrolment lift",
        "enrolment decommission",
        "fleet card",
        "fleet installer",
        "backup",
        "restore",
        "fleet rotate-certificate",
        "legacy on",
        "legacy off",
        "legacy list",
        "legacy approve",
        "legacy refuse",
        "legacy migrate",
        "legacy package",
        "release keys init",
        "release keys rotate",
        "release keys renew",
        "release build",
        "release sign",
        "release online-key",
        "release publish",
        "release adopt-root",
        "release list",
        "release withdraw",
        "rollout plan",
        "rollout start",
        "rollout pause",
        "rollout resume",
        "rollout advance",
        "rollout abort",
        "rollout list",
        "rollout show",
        "rollout report",
        "rollout simulate",
        "rollout window",
    ],
    "pi_auto.hub.cli": ["run"],
    "pi_auto.client.cli": [
        "run",
        "capture",
        "agent",
        "status",
        "scanners",
        "record",
        "replay",
        "parse",
        "calibration-sheet",
        "configure",
        "check-update",
        "setup",
        "self-test",
        "clock",
        "doctor",
        "factory-reset",
        "rollback",
        "switcher",
        "wifi",
        "wifi-helper",
        "bind",
    ],
    "pi_auto.simulator.cli": ["demo", "pi"],
}
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
SCRIPTS = ("install/uninstall.sh", "script/image")
PROSE = {"ready", "authority", "is", "runs", "unless"}  # what else stands behind the name of a program
FOR_PROGRAMS = {"--help", "--boot", "--until-stdin-closes"}


def help_of(module: str, command: str) -> str:
    """What a command says about itself."""
    told = io.StringIO()
    with pytest.raises(SystemExit) as ended, contextlib.redirect_stdout(told):
        importlib.import_module(module).main([*command.split(), "--help"])
    assert ended.value.code == 0, command
    return told.getvalue()


@pytest.fixture(scope="module")
def options() -> set[str]:
    """Every option that a command's help names."""
    found: set[str] = set()
    for module, commands in COMMANDS.items():
        for command in commands:
            found |= set(OPTION.findall(help_of(module, command)))
    return found - FOR_PROGRAMS


def test_every_option_is_in_the_docs(options: set[str]) -> None:
    told = set(OPTION.findall((ROOT / "docs" / "running.md").read_text()))
    assert options - told == set()


@pytest.mark.parametrize(
    "group", ["operator", "enrolment", "fleet", "legacy", "release", "rollout", "backup", "restore"]
)
def test_the_help_of_a_group_teaches_by_examples_of_what_there_is(group: str) -> None:
    examples = re.findall(r"^ +pi-auto-server ([a-z].*)$", help_of("pi_auto.server.cli", group), re.MULTILINE)
    assert examples
    for example in examples:
        command = next(each for each in COMMANDS["pi_auto.server.cli"] if f"{example} ".startswith(f"{each} "))
        assert set(OPTION.findall(example)) <= set(OPTION.findall(help_of("pi_auto.server.cli", command))), example


def test_every_option_in_the_docs_exists(options: set[str]) -> None:
    told = set(OPTION.findall((ROOT / "docs" / "running.md").read_text()))
    scripts = set(OPTION.findall("".join((ROOT / name).read_text() for name in SCRIPTS)))
    assert told - options - scripts == set()


def test_every_setting_is_in_the_docs() -> None:
    told = set(re.findall(r"`([a-z_]+)`", (ROOT / "docs" / "running.md").read_text()))
    assert {field.name for field in dataclasses.fields(Settings)} - told == set()


def test_every_command_that_is_named_anywhere_exists() -> None:
    """In what is printed, shown and written: a sentence that sends people to a command sends them to one."""
    code = [place for kind in ("*.py", "*.html", "*.sh") for place in (ROOT / "src").rglob(kind)]
    scripts = [place for place in (ROOT / "install").rglob("*") if place.is_file()]
    places = [*code, *scripts, *(page for page in DOCS if page.parent.name != "evidence")]
    known = {module.split(".")[1]: commands for module, commands in COMMANDS.items()}
    known["sim"] = known.pop("simulator")
    known["hub"] = [*known["hub"], "connection-string", "device"]
    known["client"] = [*known["client"], "update-fetch"]
    unknown = [
        f"{place.relative_to(ROOT)}: {named[0]}"
        for place in places
        for named in re.finditer(r"pi-auto-(server|client|hub|sim) (?!pi-auto)([a-z][a-z_-]*)", place.read_text())
        if named[2] not in {each.split()[0] for each in known[named[1]]} | PROSE
    ]
    assert unknown == []


def test_every_endpoint_is_in_the_docs_and_the_other_way_round() -> None:
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(pi_api)
    routes = {
        f"{method} {re.sub(r'<[^>]+>', 'NAME', rule.rule)}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    told = re.findall(r"^### (GET|POST) (/\S+?)(?:\?\S*)?$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)
    assert {f"{method} {path}" for method, path in told} == routes


def test_every_link_between_the_docs_leads_somewhere() -> None:
    dead = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in DOCS
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert dead == []


def test_no_table_swallows_the_paragraph_behind_it() -> None:
    swallowed = [
        f"{page.relative_to(ROOT)}: {line}"
        for page in DOCS
        for line in re.findall(r"^\|.*\n([^|\s].*)$", page.read_text(), re.MULTILINE)
    ]
    assert swallowed == []


def test_every_decision_has_its_context_choice_and_what_was_turned_down() -> None:
    for page in (ROOT / "docs" / "decisions").glob("0*.md"):
        text = page.read_text()
        assert all(part in text for part in ("**Context.**", "**Choice.**", "**Turned down.**")), page.name


# The user's guide, line by line: whatever else ours prints, these are tried as they stand there.
USERS_GUIDE = """
sudo apt update && sudo apt upgrade -y
scp pi_auto_client.py pi@192.168.1.18:/home/pi/
scp install_pi_client.sh pi@192.168.1.18:/home/pi/
ssh pi@192.168.1.18
chmod +x install_pi_client.sh
sudo ./install_pi_client.sh
sudo systemctl status pi-auto-client
sudo journalctl -u pi-auto-client -f
curl http://192.168.1.18:5000/api/pi_devices
sudo systemctl start pi-auto-client
sudo systemctl stop pi-auto-client
sudo systemctl restart pi-auto-client
sudo /opt/pi-auto-client/update_client.sh
sudo /opt/pi-auto-client/uninstall.sh
cat /etc/pi_auto_client.json
curl http://your-server:5000/api/pi_device/$(hostname)
ping 8.8.8.8
curl http://10.0.0.4:5000/api/health
lsusb
ls -la /dev/input/
sudo cat /dev/input/event0
ping CaleffiIoT.azure-devices.net
ls -la /tmp/backup_*.zip
sudo journalctl -u pi-auto-client | grep "register"
sudo journalctl -u pi-auto-client | grep "update"
sudo journalctl -u pi-auto-client | grep "barcode"
sudo journalctl -u pi-auto-client | grep "IoT Hub"
""".strip().splitlines()


@pytest.mark.parametrize("page", ["guide.md", "troubleshooting.md"])
def test_every_command_line_that_people_are_told_is_tried_on_the_virtual_pi(page: str) -> None:
    blocks = re.findall(r"^```bash\n(.*?)^```", (ROOT / "docs" / page).read_text(), re.MULTILINE | re.DOTALL)
    told = {line for block in blocks for line in block.splitlines() if line}
    assert told - {line.command for line in LINES} == set()


def test_every_command_line_of_the_users_guide_is_tried_on_the_virtual_pi() -> None:
    assert set(USERS_GUIDE) - {line.command for line in LINES} == set()
