"""Which modifiers of a keyboard are held, and whether Caps Lock is on."""

from __future__ import annotations

from pi_auto.client.capture.events import (
    KEY_LEFTALT,
    KEY_LEFTCTRL,
    KEY_LEFTMETA,
    KEY_LEFTSHIFT,
    KEY_RIGHTALT,
    KEY_RIGHTCTRL,
    KEY_RIGHTMETA,
    KEY_RIGHTSHIFT,
)

_BITS = {
    KEY_LEFTSHIFT: 1,
    KEY_RIGHTSHIFT: 2,
    KEY_LEFTCTRL: 4,
    KEY_RIGHTCTRL: 8,
    KEY_LEFTALT: 16,
    KEY_RIGHTALT: 32,
    KEY_LEFTMETA: 64,
    KEY_RIGHTMETA: 128,
}
_SHIFT, _CTRL, _ALT, _RIGHT_ALT, _META = 1 | 2, 4 | 8, 16 | 32, 32, 64 | 128
MODIFIERS = frozenset(_BITS)


class Modifiers:
    """What is held, and which level of a layout types: `level` is shift + 2 * caps + 4 * altgr.

    AltGr is the right Alt where the layout has an AltGr, and Ctrl with Alt, which Windows takes for it; `ctrl`
    and `alt` are then False. `may_be_altgr` says so for a layout that has none.
    """

    __slots__ = ("_caps", "_has_altgr", "_held", "alt", "altgr", "ctrl", "level", "may_be_altgr", "meta", "shift")

    def __init__(self, held: frozenset[int], *, caps: bool, has_altgr: bool) -> None:
        self._held = sum(_BITS[code] for code in held & MODIFIERS)
        self._has_altgr = has_altgr
        self._caps = caps
        self._derive()

    def press(self, code: int) -> None:
        """A modifier goes down."""
        self._held |= _BITS[code]
        self._derive()

    def release(self, code: int) -> None:
        """A modifier goes up; one that was not down changes nothing."""
        self._held &= ~_BITS[code]
        self._derive()

    def toggle_caps(self) -> None:
        """Caps Lock was pressed."""
        self._caps = not self._caps
        self._derive()

    def memory(self) -> list[int]:
        """What is held, as bits, and Caps Lock."""
        return [self._held, int(self._caps)]

    def recall(self, held: int, caps: int) -> None:
        """Go on from what another process remembers."""
        self._held, self._caps = held, bool(caps)
        self._derive()

    def clear(self, *, caps: bool) -> None:
        """Nothing is held any more, as far as is known."""
        self._held, self._caps = 0, caps
        self._derive()

    def use(self, *, has_altgr: bool) -> None:
        """Another layout, with an AltGr or without."""
        self._has_altgr = has_altgr
        self._derive()

    def _derive(self) -> None:
        held = self._held
        self.shift, self.meta = bool(held & _SHIFT), bool(held & _META)
        self.may_be_altgr = bool(held & _RIGHT_ALT or (held & _CTRL and held & _ALT))
        self.altgr = self._has_altgr and self.may_be_altgr
        self.ctrl, self.alt = bool(held & _CTRL) and not self.altgr, bool(held & _ALT) and not self.altgr
        self.level = self.shift + 2 * self._caps + 4 * self.altgr
