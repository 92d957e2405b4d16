"""The server's service: its units as systemd's own tools judge them, its archive, and what the two promise."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from pi_auto.server import cli
from pi_auto.server.wanted import settings_of
from server import build_server, locked_for_server
from support.server_lines import ARCHIVE, LINES

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = DEPLOY / "system/etc/systemd/system"
MOST_EXPOSED = {"pi-auto-server": 1.2, "pi-auto-server-backup": 0.3}  # measured: 1.1 and 0.2
EPOCH = 1_704_067_200

with_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")


def unit(path: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path)
    return parser


@pytest.fixture
def service() -> configparser.SectionProxy:
    return unit(UNITS / "pi-auto-server.service")["Service"]


@with_systemd
@pytest.mark.parametrize("name", MOST_EXPOSED)
def test_the_sandbox_is_tight(name: str) -> None:
    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(UNITS / f"{name}.service")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    assert float(said.split(":")[1].split()[0]) <= MOST_EXPOSED[name]


@with_systemd
@pytest.mark.parametrize("example", [None, "port-443", "sealed-key"])
def test_systemd_understands_every_line(tmp_path: Path, example: str | None) -> None:
    for file in UNITS.iterdir():
        text = re.sub(r"^ExecStart=.*$", "ExecStart=/bin/true", file.read_text(), flags=re.MULTILINE)
        (tmp_path / file.name).write_text(text)
    if example:
        folder = tmp_path / "pi-auto-server.service.d"
        folder.mkdir()
        shutil.copy(DEPLOY / f"examples/{example}.conf", folder)
    files = sorted(str(path) for path in tmp_path.iterdir() if path.is_file())
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if "pi-auto" in line] == []


def test_it_is_ready_when_it_says_so_is_watched_and_never_gives_up(service: configparser.SectionProxy) -> None:
    assert (service["Type"], service["NotifyAccess"], service["WatchdogSec"]) == ("notify", "main", "120")
    assert service["Restart"] == "always"
    assert unit(UNITS / "pi-auto-server.service")["Unit"]["StartLimitIntervalSec"] == "0"


def test_it_holds_no_capability_and_the_drop_in_for_443_gives_that_one_alone(
    service: configparser.SectionProxy,
) -> None:
    assert (service["CapabilityBoundingSet"], service["AmbientCapabilities"]) == ("", "")
    given = unit(DEPLOY / "examples/port-443.conf")["Service"]
    assert given["CapabilityBoundingSet"] == given["AmbientCapabilities"] == "CAP_NET_BIND_SERVICE"


def test_ten_thousand_devices_find_room_in_its_limits(service: configparser.SectionProxy) -> None:
    assert int(service["LimitNOFILE"]) >= 10_000 + 4_096 + 512
    assert service["MemoryMax"] == "2G"


@pytest.mark.parametrize("name", MOST_EXPOSED)
def test_the_key_lies_outside_of_data_and_backups(name: str) -> None:
    held = unit(UNITS / f"{name}.service")["Service"]["LoadCredential"]
    _, _, path = held.partition(":")
    assert path == "/etc/pi-auto-server/key"
    text = (UNITS / f"{name}.service").read_text()
    assert not path.startswith(("/var/lib/pi-auto-server", "/var/backups"))
    assert "--key-file" not in text


def test_the_installers_options_are_those_of_the_server(tmp_path: Path) -> None:
    script = (DEPLOY / "install_server.sh").read_text()
    found = re.search(r"PI_AUTO_OPTIONS=\"(--http [^']*)'", script)
    assert found
    line = ["run", "--data", str(tmp_path), *shlex.split(found[1]), "--server-name", "fleet.lan"]
    settings = settings_of(cli._parser().parse_args(line))
    assert (settings.trust, str(settings.https), settings.names) == (True, "0.0.0.0:5443", ("fleet.lan",))
    assert (str(settings.http), str(settings.hub_mqtt)) == ("0.0.0.0:5000", "0.0.0.0:8883")


def test_the_archive_holds_the_wheel_and_what_it_needs_and_is_the_same_twice(tmp_path: Path) -> None:
    made = [build_server(ROOT, tmp_path / name, EPOCH) for name in ("one", "two")]
    assert made[0].name == f"{ARCHIVE}.tar.gz", "the page and its lines name the version"
    assert made[0].read_bytes() == made[1].read_bytes()
    with tarfile.open(made[0]) as archive:
        modes = {member.name.partition("/")[2]: member.mode for member in archive}
    assert {"install_server.sh", "requirements.lock", "server.md"} <= set(modes)
    assert [name for name in modes if name.endswith(".whl")]
    assert modes["install_server.sh"] == modes["system/usr/local/bin/pi-auto-server"] == 0o755


def test_the_servers_lock_is_the_part_of_ours_that_it_needs() -> None:
    ours = (ROOT / "requirements.lock").read_text()
    part = locked_for_server(ours)
    names = re.findall(r"^([\w.-]+)==", part, re.MULTILINE)
    assert {"flask", "granian", "sqlalchemy", "alembic", "cryptography", "azure-eventhub"} <= set(names)
    assert not {"pytest", "mypy", "paho-mqtt", "playwright"} & set(names)
    assert part.count("--hash=sha256:") >= len(names)
    assert set(part.splitlines()) <= set(ours.splitlines())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--server-name", "a b"], "--server-name is 'a b'; allowed"),
        (["--server-name"], "--server-name is ''; allowed"),
        (["--purge"], "--purge goes with --uninstall"),
        (["--frobnicate"], "unknown option '--frobnicate'; allowed"),
    ],
)
def test_the_installer_says_what_is_wrong_before_it_does_anything(options: list[str], said: str) -> None:
    command = ["bash", str(DEPLOY / "install_server.sh"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert said in done.stderr


def test_every_command_line_of_the_page_is_tried_and_in_its_order() -> None:
    blocks = re.findall(r"^```bash\n(.*?)^```", (ROOT / "docs/server.md").read_text(), re.MULTILINE | re.DOTALL)
    assert [line for block in blocks for line in block.splitlines()] == [line.command for line in LINES]


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="needs shellcheck")
def test_the_scripts_are_clean() -> None:
    scripts = [DEPLOY / "install_server.sh", DEPLOY / "system/usr/local/bin/pi-auto-server"]
    done = subprocess.run(["shellcheck", "--format=json", *map(str, scripts)], capture_output=True, check=False)
    assert json.loads(done.stdout) == []
