"""A virtual Pi with the product on it: installed by the guide's commands, scanned with, asked how it is.

Typing is the emulator's, and on a busy machine the emulator stalls: a code that the product then
reports as lost, or whose keys the emulator says it has thrown away, may be scanned again with
another code, as a person would. A damaged or doubled code is never excused.
"""

from __future__ import annotations

import itertools
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from support.vm.journal import Entry
from support.vm.machine import Machine
from support.vm.site import Site
from support.vm.strokes import Health, Typed, damaged
from support.waiting import wait_until

AGENT, CAPTURE = "pi-auto-client.service", "pi-auto-capture.service"
_STORED = re.compile(r"barcode stored: number=\d+ uuid=(\S+) scanner=\S+ text=(.*)")
_GUARD = 0.3  # seconds; what is typed sooner after the scanner was opened counts as the rest of a code
_AFTER_TROUBLE = 3.0  # seconds that a code is waited for once something was said to be lost
_codes = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Stored:
    """A scan of which the Pi has said that it is stored."""

    uuid: str
    text: str


def fresh_code() -> str:
    """An EAN-13 that no test has scanned yet."""
    digits = f"20{next(_codes):010d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


class Appliance:
    """One device and its server."""

    def __init__(self, machine: Machine, site: Site) -> None:
        self.machine, self.site = machine, site
        self.journal = machine.journal
        self.patience = 30.0 * machine.slow
        self._typed: list[tuple[str, Health]] = []
        self._known: set[str] = set()

    def copy_in(self, dist: Path) -> None:
        """The guide's first lines."""
        self.machine.copy_in(dist / "pi_auto_client.py", dist / "install_pi_client.sh")
        self.machine.run("chmod +x install_pi_client.sh")

    def install(self, *, check: bool = True) -> tuple[int, str]:
        """The guide's one command: exit code and what it says."""
        command = f"sudo ./install_pi_client.sh {' '.join(self.site.home)}"
        code, said = self.machine.status_of(command, timeout=600 * self.machine.slow)
        assert not check or code == 0, f"exit code {code}: {said}"
        return code, said

    def services_run(self) -> bool:
        """Whether systemd says so of both."""
        return self.machine.run(f"systemctl is-active {AGENT} {CAPTURE}", check=False).split() == ["active"] * 2

    def wait_for_services(self) -> None:
        """Until both run."""
        wait_until(self.services_run, 2 * self.patience, "both services are active")

    def plug_in(self, name: str = "kbd1", *, port: int | None = None) -> Entry:
        """Plug in a scanner; the line by which capture says that it has it."""
        mark = self.journal.mark()
        self.machine.plug_in(name, port=port)
        return self.wait_for_scanner(name, mark)

    def wait_for_scanner(self, name: str, mark: int) -> Entry:
        """Until capture says it has opened it, and can be typed to."""
        opened = self.journal.wait_for(f"scanner opened: usb-QEMU_QEMU_USB_Keyboard_rig-{name}", mark,
                                       unit=CAPTURE, timeout=self.patience)  # fmt: skip
        time.sleep(_GUARD)
        return opened

    def have_scanner(self, name: str = "kbd1") -> None:
        """A scanner that is plugged in and that capture knows to be one."""
        if not self.machine.is_plugged(name):
            self.plug_in(name)
        if name not in self._known:
            self.scan(on=name)

    def unlearn(self) -> None:
        """The device was erased: no keyboard is known to be a scanner any more."""
        self._known.clear()

    def scan(self, text: str = "", *, on: str = "kbd1", attempts: int = 4) -> str:
        """Scan one code until it is stored; which it was in the end."""
        for attempt in range(attempts):
            code = text if text and not attempt else fresh_code()
            mark = self.journal.mark()
            self.type(code, on=on)
            if self._is_stored(code, mark, on):
                self._known.add(on)
                return code
        raise AssertionError(f"{attempts} codes in a row were lost; the emulator is too slow to scan with")

    def scan_by(self, keys: str, text: str, *, on: str = "kbd1", attempts: int = 4) -> None:
        """Press what a US keyboard has for `keys`, to be read as `text`, until that is stored."""
        for _ in range(attempts):
            mark = self.journal.mark()
            self._typed.append((text, self.machine.health()))
            self.machine.type(keys, on=on)
            if self._is_stored(text, mark, on):
                return
        raise AssertionError(f"{attempts} codes in a row were lost; the emulator is too slow to scan with")

    def type(self, text: str, *, on: str = "kbd1") -> None:
        """Scan a code, whatever becomes of it."""
        self._typed.append((text, self.machine.health()))
        self.machine.type(text, on=on)

    def will_scan(self, *texts: str) -> None:
        """Codes that are scanned by other hands than the emulator's: they count as typed."""
        self._typed += [(text, self.machine.health()) for text in texts]

    def keep_scanning(self, until: Callable[[], object], timeout: float = 60.0, *, on: str = "kbd1") -> list[str]:
        """Scan one code after the other until something has come about; which these were."""
        deadline = time.monotonic() + timeout
        codes = []
        while not until():
            assert time.monotonic() < deadline, f"it has not come about within {timeout} s"
            codes.append(fresh_code())
            self.type(codes[-1], on=on)
        return codes

    def stored(self, mark: int = 0) -> list[Stored]:
        """What the Pi has said is stored, in this order."""
        return [
            Stored(*found.groups())
            for entry in self.journal.since(mark, unit=CAPTURE, text="barcode stored:")
            if (found := _STORED.search(entry.text))
        ]

    def wait_until_all_is_there(self) -> list[Stored]:
        """Until the server has, by both ways and once, everything that was said to be stored; what that is."""
        stored = self.stored()
        self.site.wait_for(*{each.text for each in stored}, timeout=90 * self.machine.slow)
        there = Counter(scan["uuid"] for scan in self.site.scans())
        once = {each.uuid: there[each.uuid] for each in stored}
        assert set(once.values()) <= {1}, f"not exactly once: {once}"
        return stored

    def damaged(self) -> list[str]:
        """Codes that were stored and not typed, or more often than they were typed. Ever."""
        return self._weighed()[0]

    def excused(self) -> int:
        """How many pieces of codes were stored because the emulator stalled."""
        return self._weighed()[1]

    def unexcused(self, lost: Iterable[str]) -> list[str]:
        """Of codes that were typed and not stored those that the emulator has neither cut nor stalled in.

        Nor in the one before: with its Enter both may be gone.
        """
        typed = self._all_typed()
        spoilt = {
            text
            for one, other in itertools.pairwise(typed)
            for text in (one.text, other.text)
            if one.dropped or one.starved
        } | {each.text for each in typed[-1:] if each.dropped or each.starved}
        return [text for text in lost if text not in spoilt]

    def _weighed(self) -> tuple[list[str], int]:
        return damaged((each.text for each in self.stored()), self._all_typed())

    def _all_typed(self) -> list[Typed]:
        moments = [*(before for _, before in self._typed[1:]), self.machine.health()]
        return [Typed(text, before, after) for (text, before), after in zip(self._typed, moments, strict=False)]

    def _is_stored(self, code: str, mark: int, name: str) -> bool:
        """Whether a code was stored; False if it was honestly lost."""

        def stored() -> bool:
            return any(each.text == code for each in self.stored(mark))

        wait_until(lambda: stored() or self._trouble(mark), self.patience, f"{code} is stored or lost")
        with suppress(AssertionError):  # the trouble may have been that of a code before
            wait_until(stored, _AFTER_TROUBLE)
            return True
        assert self.damaged() == []
        if any("person's keyboard" in entry.text for entry in self._trouble(mark)):
            self.machine.unplug(name)  # the emulator was too slow for a scanner, and it was let go
            self.plug_in(name)
        return False

    def _trouble(self, mark: int) -> list[Entry]:
        """What tells of a code that is not stored as it was typed."""
        typed = {f"text={text}" for text, _ in self._typed}
        return [
            entry
            for entry in self.journal.since(mark, unit=CAPTURE)
            if "scan_lost:" in entry.text
            or "person's keyboard" in entry.text
            or ("barcode stored:" in entry.text and entry.text.rpartition(" ")[2] not in typed)
        ]
