"""What the fleet sets about the scanners of a device: `scanners` in the desired properties of its twin.

    {"scanners": {"usb-05e0:1200-7": {"layout": "fr", "kind": "scanner", "calibration": "4f1c", "forget": "77a0"}}}

All of it is optional. Layout and kind hold for as long as they stand there; what was learned before comes
back when they go. Calibration and forgetting happen once for each new word. The names are the scanners'
ids, written so that a twin takes them. A person sets the same at the device, see capture/learning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from string import ascii_letters, digits

from pi_auto.frozen import frozen
from pi_auto.typed import Any
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields

LAYOUTS = (
    "us", "gb", "de", "fr", "be", "it", "es", "pt", "ch", "cz", "hu", "se", "dk", "no", "fi", "pl", "tr", "ru",
    "gr", "jp",
)  # fmt: skip
SCANNER, KEYBOARD = "scanner", "keyboard"
KINDS = (SCANNER, KEYBOARD)
SCANNERS = "scanners"
NONE = "none"  # the word that takes a setting back
_MOST_SCANNERS = 64
_MOST_WORD = 64
_PLAIN = frozenset(f"{ascii_letters}{digits}-_:")


@frozen
class ScannerSettings:
    """Of one scanner: its keyboard layout, what it is, and two words.

    A new word of `calibration` lets it read one calibration code; a new word of `forget` makes the device forget
    whatever it has learned about it.
    """

    layout: str | None = None
    kind: str | None = None
    calibration: str | None = None
    forget: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As it stands in the twin; None is there too, since in a patch it removes."""
        return {
            "layout": self.layout,
            "kind": self.kind,
            "calibration": self.calibration,
            "forget": self.forget,
        }

    @classmethod
    def from_json(cls, value: object, path: str = SCANNERS) -> ScannerSettings:
        """Read it, or raise FieldError naming what is wrong."""
        fields = Fields(value, path)
        return cls(
            layout=fields.optional("layout", lambda n: fields.choice(n, LAYOUTS)),
            kind=fields.optional("kind", lambda n: fields.choice(n, KINDS)),
            calibration=fields.optional("calibration", lambda n: fields.text(n, most=_MOST_WORD)),
            forget=fields.optional("forget", lambda n: fields.text(n, most=_MOST_WORD)),
        )


def changes(given: Mapping[str, Any], new_word: Callable[[], str]) -> dict[str, str | None]:
    """The patch of one scanner's entry that options ask for. Raises FieldError.

    `layout` and `kind` hold, and NONE takes them back; `calibrate` and `forget` happen once, by a new word.
    """
    held = {name: given[name] for name in ("layout", "kind") if given.get(name)}
    words = {"calibration": given.get("calibrate"), "forget": given.get("forget")}
    patch = {name: None if value == NONE else str(value) for name, value in held.items()}
    patch |= {name: new_word() for name, wanted in words.items() if wanted}
    ScannerSettings.from_json(patch)
    return patch


def key_of(scanner_id: str) -> str:
    """A scanner's id as the name of a property: IoT Hub takes no dot, space, `$` or control character there."""
    return "".join(char if char in _PLAIN else _escaped(char) for char in scanner_id)


def id_of(key: str) -> str:
    """The scanner's id again; a key that was written otherwise is taken as far as it can be."""
    head, *rest = map(_octets, key.split("%"))
    octets = head
    for part in rest:
        try:
            octets += bytes.fromhex(part[:2].decode()) + part[2:]
        except ValueError:
            octets += b"%" + part
    return octets.decode("utf-8", "replace")


def settings_in(desired: Mapping[str, Any]) -> tuple[dict[str, ScannerSettings], list[FieldError]]:
    """Each scanner's, by id, and what cannot be used: one wrong entry does not spoil the others."""
    found: dict[str, ScannerSettings] = {}
    errors: list[FieldError] = []
    entries = desired.get(SCANNERS)
    for key, value in list(entries.items())[:_MOST_SCANNERS] if isinstance(entries, dict) else ():
        try:
            found[id_of(key)] = ScannerSettings.from_json(value, f"{SCANNERS}.{key}")
        except FieldError as error:
            errors.append(error)
    return found, errors


def _octets(text: str) -> bytes:
    """JSON can name half a character, which UTF-8 has not: no reader may end for it."""
    return text.encode("utf-8", "surrogatepass")


def _escaped(char: str) -> str:
    return "".join(f"%{octet:02X}" for octet in char.encode())
