"""`pi-auto-hub device …` and `connection-string`, while a hub runs and while none does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pi_auto.hub.cli import main
from support.hub import RunningHub, running_hub
from support.mqtt import PahoDevice
from support.service import output_of


def test_devices_are_managed_while_no_hub_runs(hub: RunningHub) -> None:
    data = str(hub.data)
    hub.stop()
    output_of("device", "create", "--data", data, "pi-1")
    output_of("device", "create", "--data", data, "pi-2")
    output_of("device", "disable", "--data", data, "pi-1")
    output_of("device", "delete", "--data", data, "pi-2")
    assert output_of("device", "list", "--data", data) == "pi-1\tdisabled\n"
    output_of("device", "enable", "--data", data, "pi-1")
    key = (
        output_of("connection-string", "--data", data, "--device", "pi-1").strip().partition("SharedAccessKey=")[2]
    )
    hub.start()
    with PahoDevice(hub.mqtt_address, hub.put_device("pi-1")) as device:
        device.send_and_wait(b"x")
    assert hub.put_device("pi-1").key == key


def test_a_device_is_created_while_the_hub_runs(hub: RunningHub) -> None:
    output_of("device", "create", "--data", str(hub.data), "pi-1")
    text = output_of("connection-string", "--data", str(hub.data), "--device", "pi-1")
    assert text == f"HostName=127.0.0.1;DeviceId=pi-1;SharedAccessKey={hub.put_device('pi-1').key}\n"


def test_a_running_hub_is_told_however_long_the_path_of_its_folder_is(tmp_path: Path) -> None:
    """A server's hub lies wherever the server keeps its data; the kernel takes a socket's path of 107 bytes."""
    with running_hub(tmp_path / ("x" * 120)) as hub:
        hub.put_device("pi-1")
        output_of("device", "disable", "--data", str(hub.data), "pi-1")
        with PahoDevice(hub.mqtt_address, hub.put_device("pi-2")) as device:
            device.send_and_wait(b"x")
        assert hub.stop() == 0
        assert output_of("device", "list", "--data", str(hub.data)).startswith("pi-1\tdisabled\n")


def test_each_policy_has_a_connection_string_that_stays(hub: RunningHub) -> None:
    text = output_of("connection-string", "--data", str(hub.data))
    assert text.startswith("HostName=127.0.0.1;SharedAccessKeyName=iothubowner;SharedAccessKey=")
    assert output_of("connection-string", "--data", str(hub.data)) == text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("device", "delete", "pi-9"), "the hub knows no device 'pi-9'"),
        (("connection-string", "--device", "pi-9"), "the hub knows no device 'pi-9'"),
        (("connection-string", "--policy", "root"), "the hub has no policy 'root'"),
    ],
)
def test_what_is_not_there_is_named(
    hub: RunningHub, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    hub.stop()
    assert main([*arguments, "--data", str(hub.data)]) == 1
    assert says in capsys.readouterr().err


def test_a_folder_without_a_hub_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["device", "list", "--data", str(tmp_path)]) == 1
    assert "is not the folder of a hub" in capsys.readouterr().err


FULL = "pi-auto-hub: the answer cannot be written: No space left on device\n"


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [('"$@" | true; exit "${PIPESTATUS[0]}"', 141, ""), ('"$@" >&-', 0, ""), ('"$@" > /dev/full', 1, FULL)],
    ids=["a reader that left", "closed", "a full disk"],
)
def test_an_answer_that_nobody_takes_is_no_fault_of_the_hubs_folder(
    hub: RunningHub, line: str, code: int, told: str
) -> None:
    command = (sys.executable, "-m", "pi_auto.hub.cli", "connection-string", "--data", str(hub.data))
    shell = ["bash", "-c", line, "bash", *command]
    ended = subprocess.run(shell, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stderr) == (code, told)
