"""What is known of scanners before they have sent anything: ids, names, and modes in which they cannot scan.

Ids are shared and cloned, so they and names are hints; what a report descriptor says is certain.
"""

from __future__ import annotations

import re

from pi_auto.frozen import frozen

_WORDS = re.compile(r"barcode|bar code|scanner|reader", re.IGNORECASE)
# A keyboard with a card slot calls itself a reader too, and what a person types on it must never be a scan.
_NO_SCANNER = re.compile(r"^(?!.*bar ?code).*(keyboard|smart ?card|fingerprint)", re.IGNORECASE)
_CARDS = re.compile(r"^(?!.*bar ?code).*(card|finger|rfid|nfc|gps|modem|printer)", re.IGNORECASE)
_KEYBOARDS = frozenset((  # keyboard-type scanners that were seen
    "05e0:1200",  # Symbol, Zebra
    "0c2e:0204", "0c2e:0b81",  # Honeywell
    "0581:0107", "0581:020c",  # Tera
    "24ea:0197",  # Meva
    "04b4:bca1", "0416:c141", "ffff:0035",
))  # fmt: skip
# Their serial devices are scanners. Not those who make modems, scales or boards as well.
_MAKERS = frozenset(("05e0", "05f9", "0c2e", "0536", "065a", "1eab", "24ea"))
_SERIAL = frozenset(("0581:0115",))
_NEWLAND, _NEWLAND_KEYBOARD = "1eab", "03"  # its products end in the mode: 03 keyboard, 06 serial
SYMBOL_SERIAL = "05e0:0600"  # "Simple COM Port Emulation", which may show as a raw HID device

_HAND_HELD, _TABLE_TOP = 0xFF454B00, 0xFF454A00  # usages of IBM's OEM point-of-sale devices
_IBM, _SNAPI = "IBM {} mode, for cash registers", "SNAPI mode, for a program of its maker's"
_MODES = {
    "05e0:1300": _IBM.format("hand-held"), "05e0:1400": _IBM.format("table-top"),
    "05e0:1900": _SNAPI, "05e0:1901": _SNAPI,
}  # fmt: skip
_KEYBOARD_CODES = {  # what the makers call the code that makes a keyboard of a scanner
    "05e0": "`HID Keyboard Emulation` (USB Device Type)",
    "0c2e": "`USB Keyboard (PC)`",
    "0536": "`USB Keyboard (PC)`",
    "05f9": "`USB Keyboard` (Interface Selection)",
}
_ANY_CODE = "for a USB keyboard (`HID keyboard`)"


@frozen
class Mute:
    """Why a scanner cannot scan as it is set, and what its person can do."""

    said: str
    do: str


def is_scanner_keyboard(ids: str, name: str) -> bool:
    """Whether what types is known to be a scanner, or calls itself one."""
    vendor, _, product = ids.partition(":")
    newland = vendor == _NEWLAND and product.endswith(_NEWLAND_KEYBOARD)
    return newland or ids in _KEYBOARDS or bool(_WORDS.search(name) and not _NO_SCANNER.search(name))


def is_scanner_line(ids: str, name: str) -> bool:
    """Whether what has a serial line is known to be a scanner, or calls itself one."""
    known = ids.partition(":")[0] in _MAKERS or ids in _SERIAL
    return known or bool(_WORDS.search(name) and not _CARDS.search(name))


def mute_mode(ids: str, applications: tuple[int, ...] = ()) -> Mute | None:
    """The mode by which a scanner waits for commands of a host, by its ids or by its report descriptor."""
    mode = _MODES.get(ids)
    if _HAND_HELD in applications:
        mode = _IBM.format("hand-held")
    elif _TABLE_TOP in applications:
        mode = _IBM.format("table-top")
    if mode is None:
        return None
    code = _KEYBOARD_CODES.get(ids.partition(":")[0], _ANY_CODE)
    return Mute(
        f"is set to {mode}, in which it cannot scan here", f"scan the code {code} in its quick start guide"
    )
