from __future__ import annotations

import json
from pathlib import Path

import pytest

from pi_auto.client.agent.enrolment.hardware import Hardware
from pi_auto.client.agent.enrolment.identity import NoIdentity, identity_of, stored_identity


def machine(folder: Path, *, serial: str | None = None, **interfaces: str) -> Hardware:
    """A machine with a serial and interfaces; one named `…_virtual` has no hardware behind it."""
    proc, net = folder / "proc", folder / "net"
    proc.mkdir()
    (proc / "cpuinfo").write_text("processor\t: 0\n" + (f"Serial\t\t: {serial}\n" if serial else ""))
    for name, mac in interfaces.items():
        interface = net / name.removesuffix("_virtual")
        interface.mkdir(parents=True)
        (interface / "address").write_text(f"{mac}\n")
        if not name.endswith("_virtual"):
            (interface / "device").mkdir()
    return Hardware(proc, net)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"serial": "10000000abcdef01", "eth0": "b8:27:eb:11:22:33"}, "pi-abcdef01"),
        ({"serial": "10000000ABCDEF01"}, "pi-abcdef01"),
        ({"serial": "0000000000000000", "eth0": "b8:27:eb:11:22:33"}, "pi-eb112233"),
        ({"wlan0": "dc:a6:32:00:00:01", "eth0": "b8:27:eb:11:22:33"}, "pi-eb112233"),
        ({"wlan0": "dc:a6:32:00:00:01", "enx1": "00:11:22:33:44:55"}, "pi-32000001"),
        ({"end0": "d8:3a:dd:00:00:02", "docker0_virtual": "02:42:00:00:00:09"}, "pi-dd000002"),
    ],
)  # fmt: skip
def test_the_id_follows_from_the_hardware(tmp_path: Path, facts: dict[str, str], expected: str) -> None:
    assert identity_of(tmp_path, hardware=machine(tmp_path, **facts)).device_id == expected


def test_a_machine_without_numbers_must_be_named_by_a_person(tmp_path: Path) -> None:
    bare = machine(tmp_path, lo_virtual="00:00:00:00:00:00")
    with pytest.raises(NoIdentity, match="setting device_id"):
        identity_of(tmp_path, hardware=bare)
    assert identity_of(tmp_path, "till-7", bare).device_id == "till-7"


def test_the_identity_is_written_for_this_user_alone_and_stays(tmp_path: Path) -> None:
    first = identity_of(tmp_path, hardware=machine(tmp_path, serial="10000000abcdef01"))
    assert (tmp_path / "identity.json").stat().st_mode & 0o777 == 0o600
    assert json.loads((tmp_path / "identity.json").read_text())["claim"] == first.claim
    assert identity_of(tmp_path) == first == stored_identity(tmp_path)


def test_the_claim_stays_when_a_person_renames_the_device(tmp_path: Path) -> None:
    first = identity_of(tmp_path, "pi-00000001")
    second = identity_of(tmp_path, "pi-00000002")
    assert (second.device_id, second.claim) == ("pi-00000002", first.claim)


def test_the_claim_shows_in_no_repr(tmp_path: Path) -> None:
    identity = identity_of(tmp_path, "pi-00000001")
    assert identity.claim not in repr(identity)


def test_two_devices_never_have_the_same_claim(tmp_path: Path) -> None:
    claims = set()
    for name in "ab":
        (tmp_path / name).mkdir()
        claims.add(identity_of(tmp_path / name, "pi-00000001").claim)
    assert len(claims) == 2


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "[" * 20_000, '{"device_id": "pi-1"}', '{"device_id": "pi-1", "claim": "short"}'],
)
def test_a_damaged_identity_is_kept_for_a_person_and_made_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / "identity.json").write_text(content)
    made = identity_of(tmp_path, "pi-00000001")
    assert stored_identity(tmp_path) == made
    assert [kept.read_text() for kept in tmp_path.glob("identity.json.damaged-*")] == [content]


@pytest.mark.parametrize("number", ["", "²", "many", "9" * 5000, "-5"])
def test_a_machine_that_counts_in_no_numbers_tells_zero(tmp_path: Path, number: str) -> None:
    odd = machine(tmp_path)
    (odd.proc / "meminfo").write_text(f"MemTotal: {number} kB\n")
    (odd.proc / "uptime").write_text(f"{number}.7 3.1\n")
    assert (odd.memory_kb(), odd.uptime_seconds()) == (0, 0)
