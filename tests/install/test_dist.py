"""What script/dist makes: the same twice, nothing too much, and it runs on a Python that has nothing installed."""

from __future__ import annotations

import io
import os
import socket
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from pi_auto.version import __version__
from support.waiting import wait_until

ROOT = Path(__file__).parents[2]
BARE = next(
    (path for path in ("/usr/bin/python3", "/usr/local/bin/python3") if Path(path).exists()), sys.executable
)
PACKAGE = f"pi-auto-client_{__version__}_all.deb"


def run(dist: Path, *words: str, folder: Path = Path("/"), **environment: str) -> subprocess.CompletedProcess[str]:
    command = [BARE, "-I", str(dist / "pi_auto_client.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)


def members_of_ar(content: bytes) -> dict[str, bytes]:
    """An ar file, read as ar(5) says."""
    assert content.startswith(b"!<arch>\n")
    found, at = {}, 8
    while at < len(content):
        name, size = content[at : at + 16].decode().strip(), int(content[at + 48 : at + 58])
        found[name] = content[at + 60 : at + 60 + size]
        at += 60 + size + size % 2
    return found


def test_the_same_commit_gives_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        subprocess.run(
            [sys.executable, str(ROOT / "script/dist"), str(tmp_path)], check=True, capture_output=True,
            env=os.environ | {"TZ": "Pacific/Apia", "PYTHONHASHSEED": "7"},
        )  # fmt: skip
    finally:
        os.umask(old)
    names = {path.name for path in dist.iterdir()}
    assert names == {"pi_auto_client.py", "install_pi_client.sh", PACKAGE}
    assert {name: (tmp_path / name).read_bytes() for name in names} == {
        name: (dist / name).read_bytes() for name in names
    }


def test_the_release_holds_the_client_and_nothing_else(dist: Path) -> None:
    names = set(zipfile.ZipFile(dist / "pi_auto_client.py").namelist())
    rooms = {"/".join(name.split("/")[:2]) for name in names if "/" in name}
    assert rooms - {name for name in rooms if name.startswith(("appliance/", "licenses/"))} == {
        *(f"jeepney/{name}.py" for name in (
            "__init__", "auth", "bindgen", "bus", "bus_messages", "fds", "low_level", "wrappers")), "jeepney/io",
        "paho/__init__.py", "paho/mqtt", "pi_auto/__init__.py", "pi_auto/client", "pi_auto/files.py",
        "pi_auto/frozen.py", "pi_auto/logs.py", "pi_auto/sheet", "pi_auto/starting.py", "pi_auto/typed.py",
        "pi_auto/version.py", "pi_auto/wire", "pi_auto/zips.py", "tuf/__init__.py", "tuf/api",
        "tuf/ngclient", *(f"securesystemslib/{name}" for name in (
            "__init__.py", "_gpg", "_internal", "_vendor", "dsse.py", "exceptions.py", "formats.py", "hash.py",
            "signer", "storage.py")), *(f"urllib3/{name}" for name in (
            "__init__.py", "_base_connection.py", "_collections.py", "_request_methods.py", "_version.py",
            "connection.py", "connectionpool.py", "exceptions.py", "fields.py", "filepost.py", "http2",
            "poolmanager.py", "response.py", "util")),
    }  # fmt: skip
    wanted = {"__main__.py", "appliance/version", "appliance/uninstall.sh", "licenses/paho-mqtt/LICENSE.txt"}
    wanted |= {"licenses/jeepney/LICENSE", "licenses/securesystemslib/LICENSE", "licenses/urllib3/LICENSE.txt"}
    wanted |= {"licenses/tuf/LICENSE", "licenses/tuf/LICENSE-MIT"}
    assert wanted <= names
    assert not [name for name in names if name.endswith(".pyc") or "__pycache__" in name]


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["run", "--help"], ["self-test"]])
def test_it_runs_on_a_python_that_has_nothing_installed(dist: Path, words: list[str]) -> None:
    done = run(dist, *words)
    assert (done.returncode, done.stderr) == (0, "")


def test_it_can_be_run_like_a_program(dist: Path) -> None:
    said = subprocess.run(
        [str(dist / "pi_auto_client.py"), "--version"], capture_output=True, text=True, check=True
    )
    assert said.stdout == f"pi-auto-client {__version__}\n"


def test_status_of_a_device_that_never_ran(dist: Path, tmp_path: Path) -> None:
    done = run(dist, "status", "--state", str(tmp_path))
    assert done.returncode == 0
    assert "not named yet" in done.stdout


def test_replay_prints_what_a_recording_holds(dist: Path, tmp_path: Path) -> None:
    keys = [(2, 1), (2, 0), (28, 1), (28, 0)]  # 1, Enter
    report = "E: 0.{0:06d} 0001 {1:04x} {2:04d}\nE: 0.{0:06d} 0000 0000 0000\n"
    events = "".join(report.format(n, code, value) for n, (code, value) in enumerate(keys))
    (tmp_path / "one.evemu").write_text(f"# EVEMU 1.3\nN: Scanner\nI: 0003 05e0 1200 0110\n{events}")
    done = run(dist, "replay", "one.evemu", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert '"text":"1"' in done.stdout.replace(" ", "")


def test_run_starts_capture_and_agent_out_of_the_one_file(dist: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "scanner")
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        command = [
            BARE, "-I", str(dist / "pi_auto_client.py"), "run", "--state", str(tmp_path / "state"),
            "--server", f"http://127.0.0.1:{nobody.getsockname()[1]}", "--scanner", str(tmp_path / "scanner"),
        ]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("pi-auto-client ready: device=pi-")
            process.terminate()
            assert process.wait(10) == 0


def test_a_service_logs_to_a_file_too_and_as_json_if_asked(dist: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "scanner")
    file = tmp_path / "client.log"
    command = [
        BARE, "-I", str(dist / "pi_auto_client.py"), "capture", "--state", str(tmp_path / "state"),
        "--scanner", str(tmp_path / "scanner"), "--log-file", str(file), "--log-format", "json",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: file.exists() and "capture is up" in file.read_text(), what="the line is in the file")
        process.terminate()
        _, said = process.communicate(timeout=10)
    assert file.read_text().splitlines() == said.splitlines()
    assert all(line.startswith('{"time": "') for line in said.splitlines())


def test_the_package_holds_the_same_two_files(dist: Path) -> None:
    parts = members_of_ar((dist / PACKAGE).read_bytes())
    assert list(parts) == ["debian-binary", "control.tar", "data.tar"]
    with tarfile.open(fileobj=io.BytesIO(parts["data.tar"])) as data:
        for name in ("pi_auto_client.py", "install_pi_client.sh"):
            held = data.extractfile(f"./usr/lib/pi-auto-client/{name}")
            assert held is not None
            assert held.read() == (dist / name).read_bytes()
        assert all((member.uid, member.gid) == (0, 0) for member in data.getmembers())
    with tarfile.open(fileobj=io.BytesIO(parts["control.tar"])) as control:
        modes = {member.name: stat.S_IMODE(member.mode) for member in control.getmembers() if member.isfile()}
    assert modes == {
        "./control": 0o644,
        "./md5sums": 0o644,
        "./postinst": 0o755,
        "./postrm": 0o755,
        "./prerm": 0o755,
    }
