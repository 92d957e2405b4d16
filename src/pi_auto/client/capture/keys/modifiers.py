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

_SHIFT = frozenset((KEY_LEFTSHIFT, KEY_RIGHTSHIFT))
_CTRL = frozenset((KEY_LEFTCTRL, KEY_RIGHTCTRL))
_ALT = frozenset((KEY_LEFTALT, KEY_RIGHTALT))
_META = frozenset((KEY_LEFTMETA, KEY_RIGHTMETA))
MODIFIERS = _SHIFT | _CTRL | _ALT | _META


class Modifiers:
    """What is held.

    AltGr is the right Alt where the layout has an AltGr, and Ctrl with Alt, which Windows takes for it.
    """

    __slots__ = ("_has_altgr", "_held", "alt", "altgr", "caps", "ctrl", "may_be_altgr", "meta", "shift")

    def __init__(self, held: frozenset[int], *, caps: bool, has_altgr: bool) -> None:
        self._held = set(held & MODIFIERS)
        self._has_altgr = has_altgr
        self.caps = caps
        self._derive()

    def press(self, code: int) -> None:
        """A modifier goes down."""
        self._held.add(code)
        self._derive()

    def release(self, code: int) -> None:
        """A modifier goes up; one that was not down changes nothing."""
        self._held.discard(code)
        self._derive()

    def clear(self) -> None:
        """Nothing is held any more, as far as is known."""
        self._held.clear()
        self._derive()

    def use(self, *, has_altgr: bool) -> None:
        """Another layout, with an AltGr or without."""
        self._has_altgr = has_altgr
        self._derive()

    @property
    def level(self) -> int:
        """Which level of a layout types now."""
        return self.shift + 2 * self.caps + 4 * self.altgr

    def _derive(self) -> None:
        held = self._held
        self.shift, self.ctrl = not held.isdisjoint(_SHIFT), not held.isdisjoint(_CTRL)
        self.alt, self.meta = not held.isdisjoint(_ALT), not held.isdisjoint(_META)
        self.may_be_altgr = KEY_RIGHTALT in held or (self.ctrl and self.alt)
        self.altgr = self._has_altgr and self.may_be_altgr
        if self.altgr:
            self.ctrl = self.alt = False
