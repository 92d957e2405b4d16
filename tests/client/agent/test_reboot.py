"""A reboot that the fleet asks for: three in a day at most, over reboots and whatever the clock says."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_auto.client.agent.methods.reboot import WISH, Reboot, runtime_folder
from pi_auto.client.agent.methods.reboots import FILE, Reboots, left_in, noted, stored_reboots, wait_of
from pi_auto.client.clock import ClockReading
from pi_auto.client.settings import Settings
from pi_auto.wire.methods import MOST_REBOOTS, Answer
from support.mqtt_peer import MqttPeer
from support.waiting import wait_until

from .conftest import running

HOUR = 3600 * 10**9
NOON = 1_800_000_000 * 10**9  # ns since 1970


def boot(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def reading(number: int, *, up: float, wall: float | None = None) -> ClockReading:
    """The clocks `up` hours after boot `number`; `wall` hours after noon if the network has set the clock."""
    boottime = int(up * HOUR)
    offset = (NOON + int(wall * HOUR) if wall is not None else 0) - boottime
    return ClockReading(boot(number), boottime, offset, wall is not None, 10)


def history(*readings: ClockReading) -> Reboots:
    reboots: Reboots = ()
    for each in readings:
        reboots = noted(reboots, each)
    return reboots


def ending(number: int, *, up: float, wall: float | None = None) -> ClockReading:
    return reading(number, up=up, wall=wall)


@pytest.mark.parametrize(
    ("made", "now", "left"),
    [
        ([], reading(1, up=0, wall=0), 3),
        ([ending(1, up=5, wall=0)], reading(2, up=1, wall=1), 2),
        ([ending(n, up=1, wall=n) for n in (1, 2, 3)], reading(4, up=1, wall=4), 0),
        ([ending(n, up=1, wall=n) for n in (1, 2, 3)], reading(4, up=1, wall=24.9), 0),
        ([ending(n, up=1, wall=n) for n in (1, 2, 3)], reading(4, up=1, wall=25), 1),
        ([ending(n, up=1, wall=n) for n in (1, 2, 3)], reading(4, up=1, wall=48), 3),
        # Nobody set the clock: only how long the device has run since is known.
        ([ending(n, up=1) for n in (1, 2, 3)], reading(4, up=21.9), 0),
        ([ending(n, up=1) for n in (1, 2, 3)], reading(4, up=22), 1),
        ([ending(n, up=1) for n in (1, 2, 3)], reading(4, up=24), 3),
        # It was set at one of the two moments alone: the difference means nothing.
        ([ending(n, up=1) for n in (1, 2, 3)], reading(4, up=1, wall=1000), 0),
        ([ending(n, up=1, wall=n) for n in (1, 2, 3)], reading(4, up=1), 0),
        # It was a year ahead, and is right now.
        ([ending(n, up=1, wall=8760) for n in (1, 2, 3)], reading(4, up=1, wall=3), 0),
        ([ending(n, up=1, wall=8760) for n in (1, 2, 3)], reading(4, up=25, wall=27), 3),
    ],
)
def test_a_reboot_counts_until_it_is_surely_a_day_ago(
    made: list[ClockReading], now: ClockReading, left: int
) -> None:
    assert left_in(history(*made), now) == left


@given(
    st.lists(st.tuples(st.floats(0, 30), st.none() | st.floats(-9000, 9000)), max_size=12),
    st.floats(0, 30),
)
def test_by_running_time_there_are_never_more_than_three_in_a_day(
    boots: list[tuple[float, float | None]], up: float
) -> None:
    """Whatever the clock said, as long as nobody had set it from the network."""
    reboots: Reboots = ()
    made: list[float] = []  # hours of running time
    ran = 0.0
    for number, (lasted, _) in enumerate([*boots, (up, None)]):
        ran += lasted
        now = reading(number, up=lasted)
        if left_in(reboots, now) > 0:
            reboots = noted(reboots, now)
            made.append(ran)
    for begin in made:
        assert sum(begin <= each < begin + 23.999 for each in made) <= MOST_REBOOTS


def test_what_is_said_of_the_wait_is_enough() -> None:
    made = history(*(ending(n, up=1, wall=n) for n in (1, 2, 3)))
    now = reading(4, up=1, wall=4)
    wait = wait_of(made, now)
    assert wait == 21 * 3600
    assert left_in(made, reading(4, up=1 + wait / 3600, wall=4 + wait / 3600)) == 1
    assert wait_of((), now) == 0


class Machine:
    """What would reboot: a folder that is looked at. `now` is what its clocks say."""

    def __init__(self, folder: Path) -> None:
        self.state, self.runtime = folder / "agent", folder / "runtime"
        self.state.mkdir()
        self.runtime.mkdir()
        self.now = reading(1, up=1, wall=0)

    def told(self) -> Answer:
        return Reboot(self.state, self.runtime, lambda: self.now, soon=0.01).method({})

    def reboots(self) -> bool:
        return (self.runtime / WISH).exists()

    def start_anew(self, number: int) -> None:
        (self.runtime / WISH).unlink()
        self.now = reading(number, up=1, wall=number)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_fourth_reboot_of_a_day_is_refused_with_the_reason(machine: Machine) -> None:
    for number in (2, 3, 4):
        assert machine.told().status == 200
        wait_until(machine.reboots, what="the reboot to be asked for")
        machine.start_anew(number)
    answer = machine.told()
    assert answer.status == 429
    assert "rebooted 3 times within a day; the next may come in 20 h at the latest" in answer.payload["error"]
    assert not machine.reboots()
    machine.now = reading(4, up=30, wall=33)
    assert machine.told().payload == {"within_seconds": 0.01, "left_today": 2}


def test_being_told_twice_in_one_boot_counts_once(machine: Machine) -> None:
    for _ in range(5):
        assert machine.told().payload["left_today"] == 2
    assert len(stored_reboots(machine.state)) == 1


def test_it_is_counted_before_it_is_made_or_not_made_at_all(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pi_auto.client.agent.methods.reboots.write_whole", full)
    with pytest.raises(OSError, match="No space"):
        machine.told()
    assert not machine.reboots()


@pytest.mark.parametrize("content", ["{", "[]", '{"reboots": [{"boot_id": 1}]}', '{"reboots": null}'])
def test_a_count_that_cannot_be_read_begins_anew(machine: Machine, content: str) -> None:
    (machine.state / FILE).write_text(content)
    assert machine.told().payload["left_today"] == 2
    assert json.loads((machine.state / FILE).read_text())["reboots"]


def test_where_nobody_listens_it_is_refused_and_not_counted(machine: Machine) -> None:
    answer = Reboot(machine.state, None, lambda: machine.now).method({})
    assert (answer.status, "installed services" in answer.payload["error"]) == (503, True)
    assert not (machine.state / FILE).exists()


def test_the_runtime_folder_is_what_systemd_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    assert runtime_folder() is None
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "gone"))
    assert runtime_folder() is None
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    assert runtime_folder() == tmp_path


def test_an_agent_told_to_reboot_answers_before_it_does(
    hub: MqttPeer,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    with running(settings):
        wait_until(lambda: bool(hub.reports), what="the agent to be connected")
        hub.call("reboot", "a1", b"")
        wait_until(lambda: bool(hub.method_answers), what="the answer")
        assert not (tmp_path / WISH).exists()
        wait_until((tmp_path / WISH).exists, what="the reboot to be asked for")
    assert hub.method_answers[0][0] == "$iothub/methods/res/200/?$rid=a1"
    assert b"offline" in hub.reports[-1]
