"""Joining, against NetworkManager's D-Bus interface by python-dbusmock on a bus of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pi_auto.client.wifi import attempt
from pi_auto.client.wifi.attempt import Attempt
from pi_auto.client.wifi.code import parse
from pi_auto.client.wifi.joining import Joining, Patience, undo_what_is_left
from pi_auto.client.wifi.network_manager import ManagerError, NetworkManager
from pi_auto.client.wifi.outcomes import Outcome
from support.network_manager import Air, is_possible, network_manager

pytestmark = pytest.mark.skipif(not is_possible(), reason="needs dbus-daemon and python3-dbusmock of Debian")

PASSWORD = "canary-Pa55"
NET = {"net": {"password": PASSWORD}}
CODE = f"WIFI:T:WPA;S:net;P:{PASSWORD};;"


def join(
    folder: Path, code: str = CODE, *, proven: Callable[[Attempt], bool] = lambda _: True, to_prove: float = 5.0
) -> Outcome:
    with closing(NetworkManager()) as manager:
        joining = Joining(manager, proven, lambda: None, folder, Patience(to_join=30.0, to_prove=to_prove))
        return joining.join(parse(code))


def scanned(air: Air) -> list[dict[str, object]]:
    return [each for uuid, each in air.now()["profiles"].items() if not uuid.startswith("known-")]


def test_a_network_that_leads_home_is_kept_below_those_that_were_known(tmp_path: Path) -> None:
    with network_manager(tmp_path, air=NET, known=["office"]) as air:
        assert join(tmp_path) is Outcome.JOINED
        now = air.now()
        (kept,) = scanned(air)
        assert kept["saved"]
        assert kept["profile"]["connection"]["autoconnect-priority"] == -10  # type: ignore[index]
        assert kept["profile"]["802-11-wireless-security"] == {"key-mgmt": "wpa-psk", "psk": PASSWORD}  # type: ignore[index]
        assert now["profiles"]["known-office"]["saved"]
        assert now["calls"][0] == [
            "AddAndActivateConnection2",
            "/org/freedesktop/NetworkManager/Devices/3",
            "memory",
        ]
    assert attempt.under_way(tmp_path) is None


@pytest.mark.parametrize(
    ("code", "network"),
    [
        ("WIFI:T:WPA;S:net;P:canary-Pa55;H:true;;", {"net": {"password": PASSWORD, "hidden": True}}),
        ("WIFI:T:nopass;S:open net;;", {"open net": {}}),
        (r"WIFI:T:WPA;S:a\;b\\c;P:\:\,\"\;12345;;", {"a;b\\c": {"password": ':,";12345'}}),
        ("WIFI:T:SAE;S:net;P:canary-Pa55;;", NET),
        ("WIFI:T:WEP;S:old;P:abcde;;", {"old": {"password": "abcde"}}),
    ],
)
def test_hidden_open_and_escaped_ones_are_joined(tmp_path: Path, code: str, network: dict[str, object]) -> None:
    with network_manager(tmp_path, air=network) as air:
        assert join(tmp_path, code) is Outcome.JOINED
        assert [each["saved"] for each in scanned(air)] == [1]


@pytest.mark.parametrize(
    ("network", "outcome"),
    [
        ({"net": {"password": "another one"}}, Outcome.WRONG_PASSWORD),
        ({}, Outcome.NOT_FOUND),
        ({"net": {"password": PASSWORD, "hidden": True}}, Outcome.NOT_FOUND),
        ({"net": {"password": PASSWORD, "address": False}}, Outcome.NO_ADDRESS),
    ],
)
def test_where_it_does_not_work_everything_is_as_before(
    tmp_path: Path, network: dict[str, object], outcome: Outcome
) -> None:
    with network_manager(tmp_path, air=network, known=["office", "home"]) as air:
        assert join(tmp_path) is outcome
        assert (air.now()["used"], sorted(air.now()["profiles"])) == (
            "known-office",
            ["known-home", "known-office"],
        )
    assert attempt.under_way(tmp_path) is None


def test_a_network_without_our_server_is_left_again(tmp_path: Path) -> None:
    seen: list[Attempt | None] = []

    def never(_: Attempt) -> bool:
        seen.append(attempt.under_way(tmp_path))
        return threading.Event().wait(0.1)

    with network_manager(tmp_path, air=NET, known=["office"]) as air:
        assert join(tmp_path, proven=never, to_prove=1.0) is Outcome.NO_SERVER
        assert (air.now()["used"], sorted(air.now()["profiles"])) == ("known-office", ["known-office"])
    assert seen[0]
    assert seen[0].interface == "wlan0"


def test_until_it_is_proven_it_is_on_no_disk(tmp_path: Path) -> None:
    saved: list[object] = []
    with network_manager(tmp_path, air=NET) as air:

        def proven(_: Attempt) -> bool:
            saved.extend(each["saved"] for each in scanned(air))
            return True

        assert join(tmp_path, proven=proven) is Outcome.JOINED
    assert saved == [0]


def test_a_helper_that_died_in_it_is_tidied_up_after(tmp_path: Path) -> None:
    class Died(BaseException):
        pass

    def die(_: Attempt) -> bool:
        left.append(attempt.under_way(tmp_path))
        raise Died

    left: list[Attempt | None] = []
    with network_manager(tmp_path, air=NET, known=["office"]) as air:
        with pytest.raises(Died):
            join(tmp_path, proven=die)
        assert air.now()["used"] == "known-office"  # a signal
        with closing(NetworkManager()) as manager:  # a kill: what stands in the file is what is left
            assert not undo_what_is_left(manager, tmp_path)
            assert left[0]
            attempt.tell(left[0], tmp_path)
            assert undo_what_is_left(manager, tmp_path)
        assert (air.now()["used"], sorted(air.now()["profiles"])) == ("known-office", ["known-office"])
    assert attempt.under_way(tmp_path) is None


def test_the_same_network_scanned_again_takes_the_place_of_the_former(tmp_path: Path) -> None:
    with network_manager(tmp_path, air=NET, known=["net"]) as air:
        assert [join(tmp_path), join(tmp_path)] == [Outcome.JOINED] * 2
        assert len(scanned(air)) == 1
        assert "known-net" in air.now()["profiles"]  # a person's own stays


@pytest.mark.parametrize(
    ("world", "outcome"), [({"wifi": False}, Outcome.NO_RADIO), ({"switched_on": False}, Outcome.RADIO_OFF)]
)
def test_without_a_radio_nothing_is_tried(tmp_path: Path, world: dict[str, bool], outcome: Outcome) -> None:
    with network_manager(tmp_path, air=NET, **world) as air:
        assert join(tmp_path) is outcome
        assert air.now()["calls"] == []


def test_a_helper_without_rights_is_told_so(tmp_path: Path) -> None:
    with network_manager(tmp_path, air=NET, denied=True), pytest.raises(ManagerError) as refused:
        join(tmp_path)
    assert refused.value.is_denied


def test_without_a_bus_there_is_no_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    with pytest.raises(ManagerError):
        NetworkManager()
