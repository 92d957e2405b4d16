"""What needs a kernel to be shown: fast keys on a busy machine, a reader that is frozen, HID POS, two at once.

The scanners are made in the guest by uhid and uinput. Whatever happens, a code is exact or it is reported as lost.
"""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pi_auto.client.capture.events import EV_KEY, EV_SYN, KEY_LEFTSHIFT, PRESSED, RELEASED, SYN_REPORT
from pi_auto.simulator.typist import reports_for
from support.hid import HONEYWELL, NEWLAND, honeywell, honeywell_reports, newland_reports
from support.vm.appliance import CAPTURE, Appliance, fresh_code
from support.vm.figures import Figures
from support.vm.hands import Hands, frames, reports

KEYS = string.ascii_letters + string.digits
SETTLED = 1.0  # seconds after opening, beyond which no key can belong to a code that began before


@pytest.fixture(scope="module")
def uhid_program(installed: Appliance) -> Iterator[Hands]:
    hands = Hands(installed.machine, "uhid")
    hands.begin()
    yield hands
    hands.end()


@pytest.fixture(scope="module")
def uinput_program(installed: Appliance) -> Iterator[Hands]:
    hands = Hands(installed.machine, "uinput")
    hands.begin()
    yield hands
    hands.end()


@pytest.fixture
def uhid(pi: Appliance, uhid_program: Hands) -> Hands:  # noqa: ARG001 - the Pi must be on
    uhid_program.begin()
    return uhid_program


@pytest.fixture
def uinput(pi: Appliance, uinput_program: Hands) -> Hands:  # noqa: ARG001 - the same
    uinput_program.begin()
    return uinput_program


def plug_in(pi: Appliance, hands: Hands, *device: str) -> None:
    """A scanner, named and described as the program takes it, until it is open and can be scanned with."""
    mark = pi.journal.mark()
    hands.do(f"create {' '.join(device)}")
    pi.journal.wait_for("scanner opened: ", mark, unit=CAPTURE, timeout=pi.patience)
    hands.do(f"wait {SETTLED}")


@contextmanager
def plugged(pi: Appliance, hands: Hands, name: str, *device: str) -> Iterator[None]:
    """The same, for as long as something lasts."""
    plug_in(pi, hands, name, *device)
    yield
    hands.do(f"destroy {name}")


def outcomes(pi: Appliance, mark: int, number: int) -> tuple[list[str], list[str]]:
    """The codes that were stored and the losses that were told, once there are so many of both together."""

    def come() -> bool:
        return len(pi.stored(mark)) + len(pi.journal.since(mark, unit=CAPTURE, text="scan_lost:")) >= number

    pi.journal.wait_until(lambda _: come(), mark, pi.patience, f"{number} codes are stored or lost")
    lost = [entry.text for entry in pi.journal.since(mark, unit=CAPTURE, text="scan_lost:")]
    return [each.text for each in pi.stored(mark)], lost


def reader_of(pi: Appliance) -> str:
    return pi.machine.run(f"systemctl show --property=MainPID --value {CAPTURE}")


@contextmanager
def busy(pi: Appliance) -> Iterator[None]:
    """Both processors and the disk have something to do."""
    spin = "while :; do :; done & " * 2
    write = "while :; do dd if=/dev/zero of=/var/tmp/rig-load bs=1M count=32 conv=fsync status=none; done"
    pi.machine.run(f"sudo systemd-run --quiet --collect --unit=rig-load /bin/sh -c '{spin}{write}'")
    try:
        yield
    finally:
        pi.machine.run("sudo systemctl stop rig-load; sudo rm -f /var/tmp/rig-load", check=False)


@pytest.mark.unhurried
@pytest.mark.parametrize("milliseconds", [2, 1])
def test_3000_characters_on_a_busy_machine_are_exact_or_lost(
    pi: Appliance, uinput: Hands, chance: random.Random, figures: Figures, milliseconds: int
) -> None:
    code = "".join(chance.choices(KEYS, k=3000))
    with plugged(pi, uinput, "a", "Barcode Scanner A"), busy(pi):
        mark = pi.journal.mark()
        pi.will_scan(code, "1")
        typed = frames([*reports_for(code), *reports_for("1")])
        uinput.do(f"frames a {milliseconds * 500} {' '.join(typed)}", "wait 1", timeout=120)
        stored, lost = outcomes(pi, mark, 2)
    figures.add(f"3,000 characters at {milliseconds} ms on a busy machine, lost", len(lost), "", "0")
    assert set(stored) <= {code, "1"}
    if milliseconds == 2:
        assert (stored, lost) == ([code, "1"], [])


@pytest.mark.unhurried
@pytest.mark.parametrize("milliseconds", [10, 4, 2, 1])
def test_codes_one_after_the_other_are_exact_or_lost_at_every_pace(
    pi: Appliance, uinput: Hands, chance: random.Random, figures: Figures, milliseconds: int
) -> None:
    """The kernel's part of `script/bench capture`: 3,000 characters in codes of 50, with nothing else to do."""
    codes, last = ["".join(chance.choices(KEYS, k=50)) for _ in range(60)], fresh_code()
    with plugged(pi, uinput, "a", "Barcode Scanner A"):
        mark = pi.journal.mark()
        pi.will_scan(*codes, last)
        typed = frames(report for code in codes for report in reports_for(code))
        calmly = f"frames a 5000 {' '.join(frames(reports_for(last)))}"
        uinput.do(f"frames a {milliseconds * 500} {' '.join(typed)}", "wait 1", calmly, "wait 1", timeout=180)
        # Several codes may be told as one loss, so they are not counted: the last one comes behind them all.
        pi.journal.wait_until(
            lambda _: last in (each.text for each in pi.stored(mark)), mark, pi.patience, "the last is stored"
        )
        stored, lost = outcomes(pi, mark, 1)
    stored.remove(last)
    exact, pace = len(set(codes) & set(stored)), f"60 codes at {milliseconds} ms a character"
    figures.add(f"{pace}, exact", exact, "", "60")
    figures.add(f"{pace}, reported as lost", len(lost), "", "0")
    figures.add(f"{pace}, damaged", len(stored) - exact, "", "0")
    assert set(stored) <= set(codes)
    assert len(stored) == len(set(stored))
    assert lost or len(stored) == len(codes)


def test_a_reader_that_is_frozen_in_a_code_loses_it_and_reads_the_next(pi: Appliance, uinput: Hands) -> None:
    """Shift is held when the kernel's queue runs over, and let go meanwhile: it must not be stuck afterwards."""
    code, following = "abcdefghij" * 24, "small-letters"
    shifted = [[(EV_KEY, KEY_LEFTSHIFT, PRESSED), (EV_SYN, SYN_REPORT, 0)]]
    released = [[(EV_KEY, KEY_LEFTSHIFT, RELEASED), (EV_SYN, SYN_REPORT, 0)]]
    with plugged(pi, uinput, "a", "Barcode Scanner A"):
        pid, mark = reader_of(pi), pi.journal.mark()
        pi.will_scan(following)
        # The scanner types on while the reader stands still for 200 ms, and does not wait for it afterwards.
        half = [*shifted, *reports_for(code[:160], suffix=None), *released]
        rest = [*reports_for(code[160:]), *reports_for("")]
        uinput.do(
            f"frames a 1000 {' '.join(frames(half[: len(half) // 4]))}",
            f"signal {pid} STOP",
            f"frames a 1000 {' '.join(frames(half[len(half) // 4 :]))}",
            f"signal {pid} CONT",
            f"frames a 1000 {' '.join(frames(rest))}",
            "wait 0.5",
            f"frames a 1000 {' '.join(frames(reports_for(following)))}",
            "wait 0.5",
        )
        stored, lost = outcomes(pi, mark, 2)
    assert stored == [following]
    assert lost
    assert all("SYN_DROPPED" in line for line in lost)


def test_two_scanners_interleaved_event_by_event_are_two_codes(pi: Appliance, uinput: Hands) -> None:
    one, other = fresh_code(), fresh_code()
    with (
        plugged(pi, uinput, "a", "Barcode Scanner A"),
        plugged(pi, uinput, "b", "Barcode Scanner B"),
    ):
        mark = pi.journal.mark()
        pi.will_scan(one, other)
        pairs = zip(frames(reports_for(one)), frames(reports_for(other)), strict=True)
        uinput.do(f"frames a 1000 {' '.join(f'{first} b/{second}' for first, second in pairs)}", "wait 0.5")
        stored, lost = outcomes(pi, mark, 2)
    assert (sorted(stored), lost) == (sorted([one, other]), [])


def test_unplugged_in_a_code_it_gives_nothing_partial_and_works_again(pi: Appliance, uinput: Hands) -> None:
    code = fresh_code()
    plug_in(pi, uinput, "a", "Barcode Scanner A")
    mark = pi.journal.mark()
    uinput.do(f"frames a 1000 {' '.join(frames(reports_for(code, suffix=None))[:12])}", "destroy a")
    pi.journal.wait_for("was unplugged in the middle of this code", mark, unit=CAPTURE, timeout=pi.patience)
    # Another number for its node: something else has come between.
    with (
        plugged(pi, uinput, "x", "Barcode Scanner X"),
        plugged(pi, uinput, "a", "Barcode Scanner A"),
    ):
        pi.will_scan(code)
        uinput.do(f"frames a 1000 {' '.join(frames(reports_for(code)))}")
        stored, _ = outcomes(pi, mark, 2)
    assert stored == [code]


def test_what_a_person_types_is_never_sent(
    installed: Appliance, uinput_program: Hands, chance: random.Random
) -> None:
    """80 to 250 ms a key, Enter at the end, on a plain keyboard: from the verdict on it types into the console."""
    pi = installed
    if not pi.machine.is_on:
        pi.machine.power_on()
    uinput_program.begin()
    mark = pi.journal.mark()
    plug_in(pi, uinput_program, "p", "Plain Keyboard")
    commands = []
    for frame in frames(report for word in ("hello", "world2026", "ok") for report in reports_for(word)):
        commands += [f"frames p 1000 {frame}", f"wait {chance.uniform(0.04, 0.125):.3f}"]
    uinput_program.do(*commands, "wait 1", "destroy p", timeout=120)
    assert pi.stored(mark) == []
    assert pi.journal.since(mark, unit=CAPTURE, text="person's keyboard")


@pytest.mark.parametrize("layout", ["honeywell", "newland"])
def test_hid_pos_scanners_of_both_layouts_are_read(pi: Appliance, uhid: Hands, layout: str) -> None:
    descriptor, cut = (HONEYWELL, honeywell_reports) if layout == "honeywell" else (NEWLAND, newland_reports)
    short, long = fresh_code(), f"{fresh_code():=^60}"
    with plugged(pi, uhid, "p", descriptor.hex(), layout, "A Scanner"):
        mark = pi.journal.mark()
        pi.will_scan(short, long)
        sent = [*cut(short.encode()), *cut(long.encode())]
        assert len(sent) == 3
        uhid.do(reports("p", sent), "wait 0.5")
        stored, lost = outcomes(pi, mark, 2)
    assert (stored, lost) == ([short, long], [])


def test_reports_that_the_kernel_drops_are_noticed(pi: Appliance, uhid: Hands) -> None:
    """A reader that is frozen while more reports come than the kernel keeps; then one more code."""
    before, after = [fresh_code() for _ in range(5)], fresh_code()
    flood = [honeywell(b"x" * 56, more=True)] * 80 + [honeywell(b"END")]
    with plugged(pi, uhid, "p", HONEYWELL.hex(), "frozen", "A Scanner"):
        pid, mark = reader_of(pi), pi.journal.mark()
        pi.will_scan(*before, after)
        first = [report for code in before for report in honeywell_reports(code.encode())]
        uhid.do(
            f"signal {pid} STOP",
            reports("p", [*first, *flood], microseconds=1000),
            f"signal {pid} CONT",
            "wait 1",
            reports("p", honeywell_reports(after.encode())),
            "wait 0.5",
        )
        stored, lost = outcomes(pi, mark, 7)
    assert stored == [*before, after]
    assert len(lost) == 1
    assert "the kernel keeps 63" in lost[0]


def test_a_scanner_with_two_ways_to_speak_is_one(pi: Appliance, uhid: Hands) -> None:
    """Both devices have one serial number, as two interfaces of a USB device have."""
    code, mark = fresh_code(), pi.journal.mark()
    uhid.do(f"create p {HONEYWELL.hex()} same A Scanner", f"create q {NEWLAND.hex()} same A Scanner")
    pi.journal.wait_until(
        lambda said: sum("scanner opened: " in each.text for each in said) >= 2,
        mark,
        pi.patience,
        "both are opened",
    )
    pi.will_scan(code)
    uhid.do(
        f"wait {SETTLED}",
        reports("p", honeywell_reports(code.encode())),
        reports("q", newland_reports(code.encode())),
        "wait 0.5",
        "destroy p",
        "destroy q",
    )
    stored, _ = outcomes(pi, mark, 1)
    assert stored == [code]
    pi.wait_until_all_is_there()
