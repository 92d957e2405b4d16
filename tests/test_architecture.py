"""The house keeps its arrows: who may import whom, read from the code itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pi_auto

SOURCE = Path(pi_auto.__file__).parent
ROOMS = ("wire", "sheet", "client", "hub", "server", "simulator")

# What a room may import of the house, besides itself and the files everybody shares.
ALLOWED = {
    "wire": set(),
    "sheet": set(),
    "client": {"wire", "sheet"},
    "hub": {"wire"},
    "server": {"wire", "sheet"},
    "simulator": {"client", "wire"},
}
SHARED = {
    "pi_auto.ages",
    "pi_auto.files",
    "pi_auto.frozen",
    "pi_auto.logs",
    "pi_auto.starting",
    "pi_auto.typed",
    "pi_auto.version",
    "pi_auto.zips",
}

# Inside the client, arrows follow rights.
FORBIDDEN = {
    "client/capture": ("pi_auto.client.agent", "http", "ssl", "paho", "urllib.request"),
    "client/spool": ("pi_auto.client.agent", "pi_auto.client.capture", "http", "ssl", "paho"),
    "client/agent": ("pi_auto.client.capture",),
    "client/wifi": ("pi_auto.client.agent", "pi_auto.client.capture", "http", "ssl", "paho", "subprocess"),
    "client/clockfloor": (
        *(
            f"pi_auto.client.agent.{room}"
            for room in ("api", "delivery", "errands", "hub", "network", "timekeeping")
        ),
        "pi_auto.client.capture",
        "http",
        "socket",
        "sqlite3",
        "paho",
        "urllib.request",
    ),
    "client/switcher": (
        "pi_auto.client.agent",
        "pi_auto.client.capture",
        "http",
        "socket",
        "ssl",
        "paho",
        "urllib.request",
    ),
    "client/status": ("pi_auto.client.capture", "pi_auto.client.doctor", "pi_auto.client.appliance"),
    "client/doctor": ("pi_auto.client.capture",),
    "sheet": ("socket", "sqlite3", "http", "ssl", "subprocess", "time", "os", "pathlib"),
    "wire": ("socket", "sqlite3", "http", "ssl", "subprocess", "time", "os"),
}


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def modules_of(room: str) -> list[Path]:
    return sorted((SOURCE / room).rglob("*.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_its_arrows_point_to(room: str) -> None:
    allowed = {f"pi_auto.{name}" for name in ALLOWED[room] | {room}}
    strays = [
        f"{path.relative_to(SOURCE)} imports {name}"
        for path in modules_of(room)
        for name in imports_of(path)
        if name.startswith("pi_auto.")
        and not any(name == ok or name.startswith(f"{ok}.") for ok in allowed | SHARED)
    ]
    assert strays == []


@pytest.mark.parametrize("room", FORBIDDEN)
def test_a_room_imports_nothing_beyond_its_rights(room: str) -> None:
    strays = [
        f"{path.relative_to(SOURCE)} imports {name}"
        for path in modules_of(room)
        for name in imports_of(path)
        if any(name == no or name.startswith(f"{no}.") for no in FORBIDDEN[room])
    ]
    assert strays == []


def test_the_capture_process_loads_no_network_code() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, pi_auto.client.capture.program; print(*sys.modules)"],
        check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    assert {"ssl", "http.client", "paho", "urllib.request"}.isdisjoint(loaded)


def test_every_module_says_what_it_is_for() -> None:
    silent = [path for path in SOURCE.rglob("*.py") if not ast.get_docstring(ast.parse(path.read_text()))]
    assert [str(path.relative_to(SOURCE)) for path in silent if "versions" not in path.parts] == []
