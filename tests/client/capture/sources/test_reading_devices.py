"""Open devices: what is read from them, what a full queue does, and that they end well. A pty is a real line."""

from __future__ import annotations

import fcntl
import os
import pty
import socket
import struct
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_auto.client.capture.codes import Code
from pi_auto.client.capture.errors import CaptureRefused
from pi_auto.client.capture.events import Gap, Octets
from pi_auto.client.capture.finding.census import Way
from pi_auto.client.capture.finding.nodes import Kind, Node
from pi_auto.client.capture.finding.units import Unit
from pi_auto.client.capture.hid.descriptor import parse_descriptor
from pi_auto.client.capture.hid.hidraw import KEPT
from pi_auto.client.capture.hid.pos import PosReports
from pi_auto.client.capture.keeping import Keeping
from pi_auto.client.capture.serial.tty import faults_of, open_line
from pi_auto.client.capture.sources.hid import PosSource, ReportSource, SymbolSource
from pi_auto.client.capture.sources.line import LineSource
from pi_auto.client.capture.sources.opening import open_named, open_way
from pi_auto.client.clock import boottime_ns
from pi_auto.client.notify import Manager
from pi_auto.wire.scan import Scanner
from support.hid import HONEYWELL, KEYBOARD, honeywell
from support.outcomes import reason_of

EAN = b"4006381333931"
SCANNER = Scanner("usb-A")
UNIT = Unit("key", "0c2e:0b6a", "usb-A", "A", "usb-1")


class Raw:
    """What stands for a raw HID device: each message written is one report read."""

    def __init__(self) -> None:
        self._device, self._host = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        self._device.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)

    def descriptor(self) -> int:
        return self._host.detach()

    def send(self, *reports: bytes) -> None:
        for report in reports:
            self._device.send(report)

    def close(self) -> None:
        self._device.close()


@pytest.fixture
def raw() -> Iterator[Raw]:
    raw = Raw()
    yield raw
    raw.close()


@pytest.fixture
def pos(raw: Raw) -> Iterator[PosSource]:
    reports = PosReports(parse_descriptor(HONEYWELL))
    source = PosSource(Path("/dev/hidraw0"), SCANNER, raw.descriptor(), reports)
    source.opened_at = None
    yield source
    source.close()


def octets(source: ReportSource | LineSource) -> list[bytes | str]:
    """What is read at once; a gap by its reason."""
    parts, is_all = source.read(boottime_ns())
    assert is_all
    return [part.reason if isinstance(part, Gap) else part.octets for part in parts]


def test_each_read_gives_one_report(raw: Raw, pos: PosSource) -> None:
    one, other = honeywell(b"A"), honeywell(b"B")
    raw.send(one, other)
    assert octets(pos) == [one, other]
    assert octets(pos) == []


def test_a_queue_that_may_have_run_over_costs_the_code_at_its_end_and_no_other(raw: Raw, pos: PosSource) -> None:
    """As of a reader that was frozen: the kernel has kept 63 reports, and dropped what came then."""
    raw.send(*[honeywell(b"%d" % n) for n in range(KEPT - 1)], honeywell(b"x" * 56, more=True))
    decoder = pos.decoder()
    parts, is_all = pos.read(boottime_ns())
    assert not is_all
    outcomes = [outcome for part in parts for outcome in decoder.feed(part)]
    assert [each.text for each in outcomes if isinstance(each, Code)] == [str(n) for n in range(KEPT - 1)]
    assert [reason_of(each)[:20] for each in outcomes if not isinstance(each, Code)] == ["reports came faster "]
    raw.send(honeywell(b"THE REST"), honeywell(EAN))
    parts, is_all = pos.read(boottime_ns())
    assert is_all
    assert [each.text for part in parts for each in decoder.feed(part) if isinstance(each, Code)] == [EAN.decode()]


def test_a_queue_that_was_seen_empty_has_dropped_nothing(raw: Raw, pos: PosSource) -> None:
    for _ in range(5):
        raw.send(*[honeywell(EAN)] * (KEPT - 1))
        assert octets(pos) == [honeywell(EAN)] * (KEPT - 1)


def test_symbols_reports_carry_a_length_and_a_line(raw: Raw) -> None:
    source = SymbolSource(Path("/dev/hidraw0"), SCANNER, raw.descriptor())
    long = EAN * 8
    raw.send(
        b"\x3f" + long[:63],
        (bytes([len(long) - 63]) + long[63:]).ljust(64, b"\0"),
        b"\0" * 64,
        b"\x40" + long[:63],
    )
    assert octets(source) == [long[:63], long[63:], b"", "a report says that it carries 64 bytes, and has 63"]
    source.close()


class Line:
    """Both ends of a pseudo-terminal."""

    def __init__(self) -> None:
        self.device, self._there = pty.openpty()
        self.path = Path(os.ttyname(self._there))

    def send(self, data: bytes) -> None:
        assert os.write(self.device, data) == len(data)

    def close(self) -> None:
        for descriptor in (self.device, self._there):
            if descriptor >= 0:
                os.close(descriptor)
        self.device = self._there = -1


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.close()


def test_a_line_is_read_byte_for_byte_and_nothing_is_sent_back(line: Line) -> None:
    line.send(b"lay there before it was opened")
    assert os.read(line.device, 100)  # which a terminal sends back
    source = LineSource(line.path, SCANNER, open_line(line.path))
    everything = bytes(range(256)) + b"\r\n\x03\x04\x11\x13\x1a\x7f"
    line.send(everything)
    assert b"".join(part for part in octets(source) if isinstance(part, bytes)) == everything
    os.set_blocking(line.device, False)
    with pytest.raises(BlockingIOError):
        os.read(line.device, 100)
    source.close()


def test_a_line_is_set_raw_and_to_9600_8n1(line: Line) -> None:
    descriptor = open_line(line.path)
    iflag, oflag, cflag, lflag, ispeed, ospeed, _ = termios.tcgetattr(descriptor)
    assert (oflag, lflag, ispeed, ospeed) == (0, 0, termios.B9600, termios.B9600)
    assert cflag & (termios.CSIZE | termios.PARENB | termios.CSTOPB | termios.HUPCL) == termios.CS8
    assert not iflag & (termios.ICRNL | termios.INLCR | termios.IXON | termios.ISTRIP)
    os.close(descriptor)


def test_a_line_is_for_one_reader_alone(line: Line) -> None:
    descriptor = open_line(line.path)
    exclusive = fcntl.ioctl(descriptor, 0x80045440, struct.pack("i", 0))  # TIOCGEXCL
    assert struct.unpack("i", exclusive) == (1,)
    os.close(descriptor)


def test_a_scanner_that_is_unplugged_is_an_error_and_no_empty_line(line: Line) -> None:
    source = LineSource(line.path, SCANNER, open_line(line.path))
    line.close()
    with pytest.raises(OSError, match=r"Input/output error|No such device"):
        source.read(boottime_ns())
    source.close()


def test_what_is_no_line_is_an_error_and_leaves_nothing_open(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    before = set(Path("/proc/self/fd").iterdir())
    with pytest.raises(OSError, match="ioctl"):
        open_line(tmp_path / "file")
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_characters_that_were_spoilt_on_the_line_cost_their_code(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = iter([(0, 0, 0, 0), (0, 0, 0, 0), (1, 0, 0, 0), (1, 0, 0, 0)])
    monkeypatch.setattr("pi_auto.client.capture.sources.line.faults_of", lambda _: next(counts))
    source = LineSource(line.path, SCANNER, open_line(line.path))
    found = []
    for data in (b"A\r", b"B\xff\r", b"C\r"):
        line.send(data)
        found += octets(source)
    assert found[::2] == [b"A\r", b"C\r"]
    assert "9600 8N1" in str(found[1])
    source.close()


def test_a_line_whose_driver_counts_nothing_is_read_all_the_same(line: Line) -> None:
    assert faults_of(line.device) is None


def test_a_named_line_is_opened_as_one(line: Line) -> None:
    source = open_named(line.path)
    assert isinstance(source, LineSource)
    assert source.scanner == Scanner(f"line:{line.path.name}", "serial line", str(line.path))
    source.close()


@pytest.mark.parametrize("descriptor", [KEYBOARD, b"\xff\xff"])
def test_a_raw_hid_device_from_which_no_codes_come_is_refused(descriptor: bytes) -> None:
    way = Way(Node(Path("/dev/hidraw0"), Kind.HIDRAW, UNIT, descriptor=descriptor), SCANNER)
    with pytest.raises(CaptureRefused, match="/dev/hidraw0 is a raw HID device from which no codes come"):
        open_way(way)


def test_what_waits_in_a_kept_device_is_read_but_its_first_code_may_lack_its_beginning(raw: Raw) -> None:
    """The way it comes back after a restart of capture; any character device will do for its number."""
    raw.send(honeywell(b"TAIL?"), honeywell(EAN))
    keeping = Keeping(Manager({}), {"device-1-3": [raw.descriptor()]})
    way = Way(Node(Path("/dev/null"), Kind.HIDRAW, UNIT, descriptor=HONEYWELL), SCANNER)
    source = open_way(way, keeping)
    decoder = source.decoder()
    parts, _ = source.read(boottime_ns())
    assert all(isinstance(part, Octets) for part in parts)
    lost, code = [outcome for part in parts for outcome in decoder.feed(part)]
    assert "opened in the middle" in getattr(lost, "reason", "")
    assert getattr(code, "raw", b"") == EAN
    source.close()
