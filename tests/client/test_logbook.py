"""Log lines go to the journal and to a file, as text or, on request, as one JSON object a line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.waiting import wait_until

SERVICES = {
    "capture": ["--scanner", "replay:{folder}/codes"],
    "agent": ["--server", "http://127.0.0.1:1"],
}
FORMATS: dict[str, tuple[dict[str, Any], list[str], bool]] = {
    "as text unless told": ({}, [], False),
    "as JSON by the settings": ({"log_format": "json"}, [], True),
    "as JSON by the option": ({}, ["--log-format=json"], True),
    "as text by the option, whatever the settings say": ({"log_format": "json"}, ["--log-format=text"], False),
}


def logged(folder: Path, service: str, settings: dict[str, Any], *options: str) -> list[str]:
    """The first lines that a service logs, into its file."""
    (folder / "codes").write_text("# EVEMU 1.3\nN: Test Scanner\n")
    (folder / "client.json").write_text(json.dumps({"device_id": "pi-1a2b3c4d"} | settings))
    command = [
        sys.executable, "-m", "pi_auto.client.cli", service,
        "--config", str(folder / "client.json"), "--state", str(folder / "state"),
        "--log-file", str(folder / "log"),
        *[word.format(folder=folder) for word in SERVICES[service]], *options,
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        assert b" ready: " in process.stdout.readline()  # earlier it would not know yet how to stop in order
        log = folder / "log"
        wait_until(lambda: log.exists() and "\n" in log.read_text(), what="a line")
        process.terminate()
        assert process.wait(5) == 0
    return log.read_text().splitlines()


@pytest.mark.parametrize("case", FORMATS)
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_logs(tmp_path: Path, service: str, case: str) -> None:
    settings, options, as_json = FORMATS[case]
    lines = logged(tmp_path, service, settings, *options)
    assert lines
    for line in lines:
        assert line.startswith("{") is as_json
        if as_json:
            assert set(json.loads(line)) == {"time", "level", "logger", "message"}


def test_what_is_wrong_with_the_settings_is_in_the_log_file_as_well(tmp_path: Path) -> None:
    logged(tmp_path, "capture", {})
    (tmp_path / "log").unlink()
    lines = logged(tmp_path, "capture", {"log_format": "xml"})
    assert (
        "log_format is 'xml'; allowed: one of text, json; going on with the settings that last worked" in lines[0]
    )
