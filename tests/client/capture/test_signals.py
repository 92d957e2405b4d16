"""What becomes of a scan is shown: by which lamp, how often, how long, and never before it is true."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pi_auto.client.bulletin import Bulletin, posts_in
from pi_auto.client.capture.signals.board import BoardLed, led_of
from pi_auto.client.capture.signals.scores import BOARD, BUZZER, LOST, SCORES, SENT, STORED, TROUBLE, Panel, Signal
from pi_auto.client.capture.signals.signaller import SIGNALS, Lamp, Signals
from pi_auto.client.capture.signals.wanted import wanted_until
from pi_auto.client.clock import boottime_ns
from pi_auto.client.settings import GPIO_ROLES
from pi_auto.client.spool.destinations import API, HUB
from pi_auto.client.spool.doorbell import IDENTIFY as DOOR
from pi_auto.client.spool.doorbell import ring
from pi_auto.client.spool.marks import Marks
from pi_auto.wire.ids import Position
from support.records import SPOOL
from support.waiting import wait_until

HOUR = 3600.0


def flashes(role: str, *signals: Signal, seconds: float = HOUR) -> list[tuple[float, float]]:
    """When a lamp is lit in that time, after the signals: from, until."""
    panel, now, found = Panel([role]), 0.0, []
    for signal in signals:
        panel.take(signal)
    while now < seconds:
        lit, until = panel.at(now)
        if lit:
            found.append((round(now, 3), round(until, 3)))
        now = until
    return found


@pytest.mark.parametrize(
    ("role", "signal", "count"),
    [
        (BOARD, Signal.STORED, 1),
        (BOARD, Signal.SENT, 1),
        (BOARD, Signal.LOST, 3),
        (BOARD, Signal.WELL, 0),
        (STORED, Signal.STORED, 1),
        (STORED, Signal.LOST, 0),
        (LOST, Signal.LOST, 3),
        (LOST, Signal.STORED, 0),
        (TROUBLE, Signal.STORED, 0),
        (SENT, Signal.STORED, 0),
        (BUZZER, Signal.STORED, 1),
        (BUZZER, Signal.SENT, 0),
        (BUZZER, Signal.LOST, 3),
        (BOARD, Signal.TRYING, 4),
        (BOARD, Signal.REFUSED, 3),
        (BOARD, Signal.JOINED, 2),
        (STORED, Signal.JOINED, 2),
        (LOST, Signal.REFUSED, 3),
        (BUZZER, Signal.TRYING, 0),
        (BUZZER, Signal.JOINED, 2),
    ],
)
def test_each_signal_has_its_own_number_of_flashes(role: str, signal: Signal, count: int) -> None:
    assert len(flashes(role, signal)) == count


def test_stored_and_sent_are_told_apart_by_how_long_the_boards_led_is_lit() -> None:
    (stored,), (sent,) = (
        [until - begun for begun, until in flashes(BOARD, signal)] for signal in (Signal.STORED, Signal.SENT)
    )
    assert sent > 5 * stored


def test_the_lamp_for_sent_is_lit_until_there_is_something_to_send_again() -> None:
    assert flashes(SENT, Signal.SENT) == [(0, math.inf)]
    for later in (Signal.STORED, Signal.LOST, Signal.TROUBLE):
        assert flashes(SENT, Signal.SENT, later) == []


def test_a_wifi_that_is_refused_leaves_the_lamp_for_sent_lit() -> None:
    assert flashes(SENT, Signal.SENT, Signal.REFUSED, Signal.TRYING, seconds=60.0)[-1][1] == math.inf


@pytest.mark.parametrize("role", [BOARD, TROUBLE, BUZZER])
def test_trouble_goes_on_until_all_is_well(role: str) -> None:
    assert len(flashes(role, Signal.TROUBLE, seconds=100)) >= 20
    assert flashes(role, Signal.TROUBLE, Signal.WELL) == []


def test_who_scans_faster_than_it_flashes_sees_fewer() -> None:
    assert 1 <= len(flashes(BOARD, *[Signal.STORED] * 1000)) <= 4


def test_every_lamp_that_can_be_set_has_its_score_and_the_other_way_round() -> None:
    assert set(SCORES) - {BOARD} == set(GPIO_ROLES)


def itself(role: str, *signals: Signal, seconds: float = HOUR) -> list[tuple[float, float]]:
    """The same for a device that is looked for during 10 seconds."""
    panel, now, found = Panel([role]), 0.0, []
    panel.show_itself(10.0)
    for signal in signals:
        panel.take(signal)
    while now < seconds:
        lit, until = panel.at(now)
        if lit:
            found.append((now, until))
        now = until
    return found


def test_a_device_that_is_looked_for_shows_itself_as_long_as_was_said() -> None:
    assert len(itself(BOARD)) == pytest.approx(50, abs=1)
    assert len(itself(BUZZER)) == pytest.approx(10, abs=1)
    assert max(until for _, until in itself(BOARD)) == pytest.approx(10, abs=0.2)
    assert itself(STORED) == itself(SENT) == itself(LOST) == itself(TROUBLE) == []


def test_what_happens_meanwhile_is_shown_all_the_same_and_what_lasts_goes_on_afterwards() -> None:
    flashed = [round(until - begun, 3) for begun, until in itself(BOARD, Signal.LOST)]
    assert flashed[:3] == [0.15] * 3
    assert set(flashed[3:]) == {0.1}
    assert max(until for _, until in itself(BOARD, Signal.TROUBLE, seconds=60)) > 59


class Witness:
    """A lamp that remembers; may break at a deed."""

    def __init__(self, *roles: str, breaks_at: str = "") -> None:
        self.roles, self.name = frozenset(roles), f"the lamp {'/'.join(roles)}"
        self._breaks_at = breaks_at
        self.deeds: list[str] = []

    def open(self) -> None:
        self._do("open")

    def light(self, *, lit: bool) -> None:
        self._do("lit" if lit else "dark")

    def close(self) -> None:
        self._do("close")

    def _do(self, deed: str) -> None:
        if deed == self._breaks_at:
            raise PermissionError(13, "Permission denied", "/dev/gpiochip0")
        self.deeds.append(deed)


class Hanging(Witness):
    """A lamp whose driver does not come back until it is released."""

    def __init__(self, released: threading.Event) -> None:
        super().__init__(STORED)
        self._released = released

    def light(self, *, lit: bool) -> None:
        self._released.wait(10)
        super().light(lit=lit)


Start = Callable[..., Signals]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the thread over some lamps; it is told to end when the test does."""
    started: list[Signals] = []

    def begin(*lamps: Lamp) -> Signals:
        signals = Signals(lamps, tmp_path / "sent.sock", tmp_path / "marks.sqlite", Bulletin(tmp_path))
        signals.start()
        started.append(signals)
        return signals

    yield begin
    for signals in started:
        signals.show(Signal.END)
        signals.join(5)
        assert not signals.is_alive()


def test_a_stored_scan_flashes_and_the_end_leaves_it_dark(start: Start) -> None:
    lamp = Witness(STORED)
    signals = start(lamp)
    signals.show(Signal.STORED, Position(SPOOL, 1))
    wait_until(lambda: lamp.deeds == ["open", "lit", "dark"], what="one flash")
    signals.show(Signal.END)
    signals.join(5)
    assert lamp.deeds == ["open", "lit", "dark", "close"]


def test_two_things_can_be_shown_by_one_lamp(start: Start) -> None:
    lamp = Witness(TROUBLE, LOST)
    signals = start(lamp)
    signals.show(Signal.LOST, Position(SPOOL, 1))
    wait_until(lambda: lamp.deeds.count("lit") == 3, what="three flashes")


def test_it_is_sent_only_once_the_server_has_the_last_that_was_stored(start: Start, tmp_path: Path) -> None:
    lamp, marks = Witness(SENT), Marks(tmp_path / "marks.sqlite")
    signals = start(lamp)
    wait_until((tmp_path / "sent.sock").exists, what="the bell hangs")
    signals.show(Signal.STORED, Position(SPOOL, 1))
    signals.show(Signal.STORED, Position(SPOOL, 2))
    for destination, number in ((HUB, 2), (API, 1)):
        marks.advance(destination, Position(SPOOL, number))
        ring(tmp_path / "sent.sock")
    wait_until(lambda: not signals._may_be_sent, what="it has looked")
    assert "lit" not in lamp.deeds
    marks.advance(API, Position(SPOOL, 2))
    ring(tmp_path / "sent.sock")
    wait_until(lambda: lamp.deeds[-1] == "lit", what="all is sent")
    signals.show(Signal.STORED, Position(SPOOL, 3))
    wait_until(lambda: lamp.deeds[-1] == "dark", what="something is to be sent again")
    marks.close()


@pytest.mark.parametrize(("newest", "lit"), [(7, True), (8, False), (0, False)])
def test_after_a_start_it_is_known_whether_all_was_sent_before(
    start: Start, tmp_path: Path, newest: int, lit: bool
) -> None:
    marks = Marks(tmp_path / "marks.sqlite")
    marks.advance(API, Position(SPOOL, 7))
    sent = Witness(SENT)
    signals = start(sent)
    signals.begin(Position(SPOOL, newest))
    if newest:
        wait_until(lambda: not signals._may_be_sent, what="it has looked")
    signals.show(Signal.END)
    signals.join(5)
    assert ("lit" in sent.deeds) == lit
    marks.close()


def test_a_lamp_that_cannot_be_used_is_told_once_and_the_others_work_on(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken, dying, whole = Witness(LOST, breaks_at="open"), Witness(BUZZER, breaks_at="lit"), Witness(STORED)
    signals = start(broken, dying, whole)
    for _ in range(3):
        signals.show(Signal.STORED, Position(SPOOL, 1))
    wait_until(lambda: whole.deeds.count("lit") == 3, what="the lamp that works flashes")
    assert caplog.text.count("cannot be shown: the lamp lost") == 1
    assert caplog.text.count("cannot be shown: the lamp buzzer") == 1
    news = posts_in(tmp_path)[SIGNALS].news
    assert not news["ok"]
    assert "the lamp lost: Permission denied (/dev/gpiochip0); the lamp buzzer" in news["said"]


def test_without_any_lamp_there_is_no_thread_no_bell_and_nothing_heaps_up(start: Start, tmp_path: Path) -> None:
    signals = start()
    signals.join(5)
    assert not signals.is_alive()
    for _ in range(1000):
        signals.show(Signal.TROUBLE)
    assert not signals._signals
    assert not (tmp_path / "sent.sock").exists()


def test_showing_never_waits_for_a_lamp_that_hangs(start: Start) -> None:
    released = threading.Event()
    signals = start(Hanging(released))
    begun = time.monotonic()
    for _ in range(10_000):
        signals.show(Signal.STORED, Position(SPOOL, 1))
    assert time.monotonic() - begun < 1
    released.set()


def test_nothing_wakes_it_while_nothing_happens(start: Start, tmp_path: Path) -> None:
    signals = start(Witness(BOARD, SENT))
    wait_until((tmp_path / "sent.sock").exists, what="it is at work")
    status = Path(f"/proc/self/task/{signals.native_id}/status")

    def is_quiet() -> bool:  # it "sleeps" as well while it waits for its turn, in the midst of its beginning
        before = switches(status)
        time.sleep(0.5)
        return switches(status) == before

    wait_until(is_quiet, what="it sleeps")


def switches(status: Path) -> int:
    return sum(int(line.split()[1]) for line in status.read_text().splitlines() if "ctxt_switches" in line)


@pytest.fixture
def leds(tmp_path: Path) -> Path:
    led = tmp_path / "leds/ACT"
    led.mkdir(parents=True)
    (led / "trigger").write_text("none rc-feedback [mmc0] timer\n")
    (led / "brightness").write_text("1")
    return tmp_path / "leds"


def test_the_boards_led_is_taken_dark_and_given_back(leds: Path) -> None:
    led = led_of("auto", leds)
    assert led
    led.open()
    assert ((leds / "ACT/trigger").read_text(), (leds / "ACT/brightness").read_text()) == ("none", "0")
    led.light(lit=True)
    assert (leds / "ACT/brightness").read_text() == "1"
    led.close()
    assert ((leds / "ACT/trigger").read_text(), (leds / "ACT/brightness").read_text()) == ("mmc0", "0")


def test_the_led_of_an_older_kernel_is_found_as_well(leds: Path) -> None:
    (leds / "ACT").rename(leds / "led0")
    assert isinstance(led_of("auto", leds), BoardLed)


def test_a_board_without_an_led_has_none_and_it_can_be_switched_off(leds: Path, tmp_path: Path) -> None:
    assert led_of("auto", tmp_path) is None
    assert led_of("off", leds) is None


def test_it_shows_itself_when_the_agent_tells_so_and_rings(start: Start, tmp_path: Path) -> None:
    lamp = Witness(BOARD)
    start(lamp)
    wait_until((tmp_path / DOOR).exists, what="the bell hangs")
    agent = Bulletin(tmp_path)
    agent.post("identify", {"until": boottime_ns() / 1e9 + 1})
    ring(tmp_path / DOOR)
    wait_until(lambda: lamp.deeds.count("lit") >= 4, what="it blinks")
    wait_until(lambda: boottime_ns() / 1e9 > posts_in(tmp_path)["identify"].news["until"] + 0.3, what="it is over")
    shown = len(lamp.deeds)
    ring(tmp_path / DOOR)
    wait_until(lambda: lamp.deeds[-1] == "dark", what="it is dark")
    assert len(lamp.deeds) - shown <= 1


@pytest.mark.parametrize(
    "told", [None, "soon", {}, {"until": "x"}, {"until": math.nan}, {"until": -1}, {"until": []}]
)
def test_whatever_else_the_agent_tells_means_nothing(tmp_path: Path, told: object) -> None:
    assert wanted_until(tmp_path) == -math.inf
    Bulletin(tmp_path).post("identify", told)
    assert wanted_until(tmp_path) == -math.inf


def test_nobody_is_looked_for_longer_than_five_minutes(tmp_path: Path) -> None:
    Bulletin(tmp_path).post("identify", {"until": 10**12})
    assert 299 < wanted_until(tmp_path) - time.monotonic() <= 300


def test_a_flood_of_rings_delays_no_signal(start: Start, tmp_path: Path) -> None:
    lamp, over = Witness(STORED), threading.Event()
    signals = start(lamp)
    wait_until((tmp_path / DOOR).exists, what="the bell hangs")

    def flood() -> None:
        while not over.is_set():
            ring(tmp_path / DOOR)

    flooding = threading.Thread(target=flood)
    flooding.start()
    signals.show(Signal.STORED, Position(SPOOL, 1))
    wait_until(lambda: lamp.deeds == ["open", "lit", "dark"], what="one flash")
    over.set()
    flooding.join()
