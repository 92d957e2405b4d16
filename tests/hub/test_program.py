"""Starting and refusing to start."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from support.certificates import Authority
from support.hub import RunningHub, running_hub
from support.mqtt import PahoDevice, RawDevice, publish_packet

TIMEOUT = 20


def refused(*arguments: str) -> str:
    """What a hub says that does not start; its exit code must not be 0."""
    command = [sys.executable, "-m", "pi_auto.hub.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode != 0
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


def run_arguments(folder: Path, *more: str, host: str = "127.0.0.1") -> tuple[str, ...]:
    return ("run", "--data", str(folder), "--host", host, "--mqtt-port", "0", *more)


def test_a_second_hub_on_the_same_folder_is_refused(hub: RunningHub) -> None:
    said = refused(*run_arguments(hub.data))
    assert said == (
        f"pi-auto-hub: another hub (process {hub.pid}) runs on {hub.data}: stop it or name another --data\n"
    )
    assert hub.ask(op="put_device", device_id="pi-1")["ok"]


def test_a_taken_port_is_said_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused("run", "--data", str(tmp_path), "--host", "127.0.0.1", "--mqtt-port", str(port))
    assert said == (
        f"pi-auto-hub: cannot listen for MQTT on 127.0.0.1:{port}: Address already in use; "
        "end what uses it or name another --host or --mqtt-port\n"
    )
    assert not (tmp_path / "hub.sock").exists()


def test_an_unknown_host_is_said_in_one_sentence(tmp_path: Path) -> None:
    said = refused(*run_arguments(tmp_path, "--insecure-plain-mqtt", host="256.1.1.1"))
    assert said.startswith("pi-auto-hub: cannot listen for MQTT on 256.1.1.1:0: ")


def test_mqtt_without_tls_is_refused_outside_loopback_unless_an_option_says_so(tmp_path: Path) -> None:
    assert "MQTT without TLS is refused on 0.0.0.0" in refused(*run_arguments(tmp_path, host="0.0.0.0"))
    with running_hub(tmp_path, "--insecure-plain-mqtt", host="0.0.0.0") as hub:
        assert hub.put_device("pi-1").host == "0.0.0.0"


def test_half_of_a_certificate_is_refused(tmp_path: Path) -> None:
    said = refused(*run_arguments(tmp_path, "--tls-cert", "x"))
    assert "--tls-cert and --tls-key go together" in said


def test_a_certificate_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("hello")
    pem = str(tmp_path / "x.pem")
    said = refused(*run_arguments(tmp_path / "data", "--tls-cert", pem, "--tls-key", pem))
    assert "are not a certificate and its key" in said
    assert said.count("\n") == 1


def test_with_tls_it_proves_its_name_and_takes_telemetry(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pem = str(authority.certificate("hub.test"))
    options = ("--tls-cert", pem, "--tls-key", pem, "--name", "hub.test")
    with running_hub(tmp_path, *options) as hub, RawDevice(hub.mqtt_address) as raw:
        raw.socket = ssl.create_default_context(cafile=authority.ca).wrap_socket(
            raw.socket, server_hostname="hub.test"
        )
        assert raw.connect(hub.put_device("pi-1")) == b"\x20\x02\x00\x00"
        raw.send(publish_packet("devices/pi-1/messages/events/", b"x" * 100_000))
        assert raw.receive(4) == b"\x40\x02\x00\x01"


def test_what_does_not_speak_tls_is_closed_without_a_word(tmp_path: Path) -> None:
    pem = str(Authority(tmp_path).certificate("hub.test"))
    options = ("--tls-cert", pem, "--tls-key", pem)
    with running_hub(tmp_path, *options) as hub:
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\xff" * 500, b"\x10\x05"):
            with RawDevice(hub.mqtt_address) as raw:
                raw.send(data)
                assert raw.is_closed()
        assert hub.log() == ""


def test_a_folder_that_cannot_be_made_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = refused(*run_arguments(tmp_path / "file" / "data"))
    assert said == f"pi-auto-hub: cannot use {tmp_path}/file/data: Not a directory\n"


def test_a_database_that_is_none_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "registry.sqlite").write_text("this is not a database, and it is longer than a header of one is")
    said = refused(*run_arguments(tmp_path))
    assert f"{tmp_path}/registry.sqlite cannot be used as the hub's database" in said
    assert said.count("\n") == 1


def test_a_socket_path_that_is_a_file_is_refused_and_the_file_kept(tmp_path: Path) -> None:
    file = tmp_path / "precious"
    file.write_text("keep me")
    assert "exists and is not a socket" in refused(*run_arguments(tmp_path / "data", "--socket", str(file)))
    assert file.read_text() == "keep me"


def test_a_socket_that_another_hub_answers_on_is_refused(
    hub: RunningHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(hub.data)  # wherever temporary files lie, this name is short
    said = refused(*run_arguments(tmp_path / "other", "--socket", hub.socket.name))
    assert "somebody listens on" in said
    assert hub.ask(op="put_device", device_id="pi-1")["ok"]


def test_a_relative_socket_serves_a_folder_with_a_long_name_and_spaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / f"a long name {'x' * 120}" / "hub"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    with running_hub(folder.parent, "--socket", "hub.sock") as hub:
        assert hub.socket == folder / "hub.sock"
        hub.socket = Path("hub.sock")
        assert hub.ask(op="info")["ok"]


def test_a_socket_path_that_is_too_long_is_refused(tmp_path: Path) -> None:
    said = refused(*run_arguments(tmp_path, "--socket", str(tmp_path / ("x" * 120))))
    assert "is too long for a socket: at most 107 bytes; use --socket" in said


@pytest.mark.parametrize("port", ["-1", "65536", "mqtt", "1.5", ""])
def test_a_port_that_is_none_is_refused_by_name(tmp_path: Path, port: str) -> None:
    said = refused("run", "--data", str(tmp_path), "--host", "127.0.0.1", f"--mqtt-port={port}")
    assert f"{port!r} is not a port: 0 to 65535, or off" in said


def test_mqtt_can_be_off(tmp_path: Path) -> None:
    hub = RunningHub(tmp_path, options=("--mqtt-port", "off"))
    try:
        assert hub.start().ask(op="put_device", device_id="pi-1")["ok"]
        assert hub.mqtt_address == ("127.0.0.1", 0)
    finally:
        hub.kill()


def test_it_ends_cleanly_when_no_server_has_talked_to_it_for_long(tmp_path: Path) -> None:
    with running_hub(tmp_path, "--orphan-timeout", "1") as hub, RawDevice(hub.mqtt_address) as raw:
        raw.connect(hub.put_device("pi-1"))
        assert hub.wait() == 0
        assert raw.is_closed()
        assert "no server has talked to this hub" in hub.log()


def test_it_stays_while_a_server_listens_to_its_events(tmp_path: Path) -> None:
    with running_hub(tmp_path, "--orphan-timeout", "1") as hub:
        with hub.events(), RawDevice(hub.mqtt_address) as raw:
            raw.connect(hub.put_device("pi-1"))
            assert not raw.is_closed(timeout=2.0)
            assert hub.ask(op="info")["ok"]
        assert hub.wait() == 0


def test_it_stops_when_a_server_says_so(hub: RunningHub) -> None:
    assert hub.ask(op="info") == {
        "ok": True, "mqtt": "{}:{}".format(*hub.mqtt_address), "host": "127.0.0.1", "pid": hub.pid,
        "tls": False, "websocket": "off",
    }  # fmt: skip
    assert hub.ask(op="stop")["ok"]
    assert hub.wait() == 0


def test_it_starts_again_at_once_after_a_kill_on_the_same_port_and_socket(hub: RunningHub) -> None:
    address, path = hub.mqtt_address, hub.socket
    for _ in range(3):
        with PahoDevice(hub.mqtt_address, hub.put_device("pi-1")) as device:
            device.send_and_wait(b"x")
            hub.kill()
        hub.start()
    assert (hub.mqtt_address, hub.socket) == (address, path)


def test_its_files_are_for_its_user_alone(hub: RunningHub) -> None:
    hub.put_device("pi-1")
    for path in [hub.data, *hub.data.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help")])
def test_the_help_teaches(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "pi_auto.hub.cli", *arguments]
    said = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=True).stdout
    assert "pi-auto-hub ready: mqtt=ADDRESS:PORT https=ADDRESS:PORT socket=PATH data=DIR" in said
    assert "--tls-cert hub.crt" in said
