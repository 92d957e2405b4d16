"""What the LED shows, on files as the kernel lays them out: `trigger`, and `brightness`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pi_auto.client.capture.light import Light, Signal, led_of


@pytest.fixture
def leds(tmp_path: Path) -> Path:
    led = tmp_path / "ACT"
    led.mkdir()
    (led / "trigger").write_text("none rc-feedback [mmc0] timer\n")
    (led / "brightness").write_text("0")
    return tmp_path


class Watcher:
    """Stands beside the LED: notes at each pause whether it is lit, and for how long."""

    def __init__(self, led: Path, then: Callable[[int], None] = lambda _: None) -> None:
        self._led, self._then = led, then
        self.seen: list[tuple[str, float]] = []

    def __call__(self, seconds: float) -> None:
        self.seen.append(((self._led / "brightness").read_text(), seconds))
        self._then(len(self.seen))

    @property
    def flashes(self) -> int:
        return sum(lit == "1" for lit, _ in self.seen)


def shown(leds: Path, *signals: Signal) -> Watcher:
    watcher = Watcher(leds / "ACT")
    light = Light(led_of("auto", leds), watcher)
    for signal in (*signals, Signal.END):
        light.show(signal)
    light.run()
    return watcher


@pytest.mark.parametrize(("signal", "flashes"), [(Signal.STORED, 1), (Signal.LOST, 3), (Signal.WELL, 0)])
def test_a_signal_has_its_number_of_flashes(leds: Path, signal: Signal, flashes: int) -> None:
    watcher = shown(leds, signal)
    assert watcher.flashes == flashes
    assert all(lit == "0" for lit, _ in watcher.seen[1::2])


def test_it_is_dark_and_the_kernels_again_at_the_end(leds: Path) -> None:
    shown(leds, Signal.STORED)
    assert (leds / "ACT/brightness").read_text() == "0"
    assert (leds / "ACT/trigger").read_text() == "mmc0"


def test_it_blinks_until_all_is_well(leds: Path) -> None:
    def then(pauses: int) -> None:
        if pauses == 20:
            light.show(Signal.WELL)
            light.show(Signal.END)

    watcher = Watcher(leds / "ACT", then)
    light = Light(led_of("auto", leds), watcher)
    light.show(Signal.TROUBLE)
    light.run()
    assert watcher.flashes == 10


def test_who_scans_faster_than_it_flashes_sees_fewer(leds: Path) -> None:
    assert 1 <= shown(leds, *[Signal.STORED] * 1000).flashes <= 10


def test_a_board_without_an_led_shows_nothing(tmp_path: Path) -> None:
    light = Light(led_of("auto", tmp_path))
    light.show(Signal.STORED)
    light.run()


def test_it_can_be_switched_off(leds: Path) -> None:
    assert led_of("off", leds) is None


def test_an_led_that_cannot_be_used_is_told_once(leds: Path, caplog: pytest.LogCaptureFixture) -> None:
    (leds / "ACT/trigger").unlink()
    (leds / "ACT/trigger").mkdir()
    shown(leds, Signal.STORED)
    assert caplog.text.count("cannot be used") == 1
