"""Takes the devices that are plugged in for what they are: scanners, keyboards to be judged, and others.

Nodes go in, decisions come out. A unit is a scanner as a whole: if one of its nodes surely is one, its
keyboard is too, and whichever of them speaks is listened to.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pi_auto.client.capture.finding.knowledge import (
    SYMBOL_SERIAL,
    Mute,
    is_scanner_keyboard,
    is_scanner_line,
    mute_mode,
)
from pi_auto.client.capture.finding.nodes import DEVICES, SYSFS, Kind, Node, nodes, usb_units
from pi_auto.client.capture.finding.units import Unit, same_ids
from pi_auto.frozen import frozen
from pi_auto.typed import TYPE_CHECKING
from pi_auto.wire.scan import Scanner

if TYPE_CHECKING:
    from pi_auto.client.capture.hid.pos import PosReports

_PAGES = (0x8C, 0x45)  # bytes without which a descriptor speaks neither of bar code scanners nor of IBM's devices
_PLUGGABLE = frozenset(("0003", "0005"))  # USB, Bluetooth: never the keys of the machine itself


@frozen
class Way:
    """A node to be opened, and the scanner that it is a way to; the same for all nodes of a unit."""

    node: Node
    scanner: Scanner


@frozen
class Census:
    """`strangers` are serial lines of which nothing says that a scanner is behind them."""

    scanners: tuple[Way, ...] = ()
    keyboards: tuple[Way, ...] = ()
    strangers: tuple[Way, ...] = ()
    mutes: tuple[tuple[Way, Mute], ...] = ()


def look_around(sysfs: Path = SYSFS, devices: Path = DEVICES) -> Census:
    """Of all that is plugged in now."""
    return take_census(nodes(sysfs, devices), usb_units(sysfs))


def take_census(found: Iterable[Node], units: Iterable[Unit] = ()) -> Census:
    """What each node is taken for; of `units` without a node those are told that cannot scan."""
    found, units = list(found), list(units)
    doubled = same_ids([*units, *(node.unit for node in found)])
    surely = {node.unit.key for node in found if is_surely_a_scanner(node)}

    def ways(kind: Kind, *, sure: bool) -> tuple[Way, ...]:
        return tuple(
            _way(node, doubled)
            for node in found
            if node.kind is kind and (node.unit.key in surely) is sure and node.unit.bus in _PLUGGABLE
        )

    speaking = tuple(_way(node, doubled) for node in found if speaks(node))
    return Census(
        scanners=speaking + ways(Kind.SERIAL, sure=True) + ways(Kind.KEYBOARD, sure=True),
        keyboards=ways(Kind.KEYBOARD, sure=False),
        strangers=ways(Kind.SERIAL, sure=False),
        mutes=_mutes(found, units, doubled),
    )


def is_surely_a_scanner(node: Node) -> bool:
    """By what it says of itself."""
    name = f"{node.name} {node.unit.name}"
    if node.kind is Kind.KEYBOARD:
        return is_scanner_keyboard(node.unit.ids, node.name or node.unit.name)
    return is_scanner_line(node.unit.ids, name) if node.kind is Kind.SERIAL else speaks(node)


def speaks(node: Node) -> bool:
    """Whether codes come out of a raw HID device."""
    return node.kind is Kind.HIDRAW and (is_symbol_serial(node) or reports_of(node) is not None)


def is_symbol_serial(node: Node) -> bool:
    """Whether a raw HID device carries a serial line: a length, so many bytes, NUL up to the report's end."""
    return node.unit.ids == SYMBOL_SERIAL


def reports_of(node: Node) -> PosReports | None:
    """How to read its reports, if it is a HID POS scanner."""
    if not _is_worth_parsing(node):
        return None
    from pi_auto.client.capture.hid.descriptor import DescriptorError, parse_descriptor  # noqa: PLC0415 - see below
    from pi_auto.client.capture.hid.pos import PosReports  # noqa: PLC0415 - the same

    try:
        reports = PosReports(parse_descriptor(node.descriptor))
    except DescriptorError:
        return None
    return reports if reports.is_pos else None


def _mutes(found: list[Node], units: list[Unit], doubled: frozenset[str]) -> tuple[tuple[Way, Mute], ...]:
    """Each unit once, by its raw HID device if it has one."""
    told: dict[str, tuple[Way, Mute]] = {}
    for node in found:
        mute = mute_mode(node.unit.ids, _applications(node)) if node.kind is Kind.HIDRAW else None
        if mute:
            told.setdefault(node.unit.key, (_way(node, doubled), mute))
    for unit in units:
        if mute := mute_mode(unit.ids):
            node = Node(Path(unit.key), Kind.HIDRAW, unit)
            told.setdefault(unit.key, (_way(node, doubled), mute))
    return tuple(told.values())


def _is_worth_parsing(node: Node) -> bool:
    """Each keyboard has a raw HID device as well: what parses descriptors is not loaded for those."""
    return any(page in node.descriptor for page in _PAGES)


def _applications(node: Node) -> tuple[int, ...]:
    if not _is_worth_parsing(node):
        return ()
    from pi_auto.client.capture.hid.descriptor import DescriptorError, parse_descriptor  # noqa: PLC0415 - see above

    try:
        return parse_descriptor(node.descriptor).applications
    except DescriptorError:
        return ()


def _way(node: Node, doubled: frozenset[str]) -> Way:
    return Way(node, node.unit.scanner(with_port=node.unit.id in doubled))
