"""The state of one scanner's keyboard: keys go in, the text they type comes out.

Presses and releases come one by one, without times. Whatever a key may mean depends on what is held, on
Caps Lock, on a dead key before it, on an Alt or a Ctrl+Shift+U that is not finished. Nothing is guessed: what
means no character is a fault, and `fault` says why.
"""

from __future__ import annotations

from pi_auto.client.capture.events import KEY_CAPSLOCK, KEY_ENTER, KEY_F12, KEY_NUMLOCK, KEY_SCROLLLOCK
from pi_auto.client.capture.keys.alt import AltCode
from pi_auto.client.capture.keys.control import control_character, latin
from pi_auto.client.capture.keys.hexadecimal import HexCode
from pi_auto.client.capture.keys.layout import CODES, KEYPAD_DIGITS, NOTHING, Layout
from pi_auto.client.capture.keys.modifiers import MODIFIERS, Modifiers

_SPACE = 57
_LOCKS = frozenset((KEY_NUMLOCK, KEY_SCROLLLOCK))  # change no character here
SILENT = MODIFIERS | _LOCKS | {KEY_CAPSLOCK}
RELEASES = MODIFIERS | frozenset(KEYPAD_DIGITS)  # whose release may mean something


class Keyboard:
    """`press` and `release` return what is typed: empty for nothing yet, None for a fault.

    `at_once` is a short cut for the reader: by key code what `press` would return, where that is a character and
    changes nothing; else empty.
    """

    def __init__(self, layout: Layout, held: frozenset[int], *, caps: bool) -> None:
        self.layout = layout
        self.fault = ""
        self._caps_at_first = caps
        self._modifiers = Modifiers(held, caps=caps, has_altgr=layout.has_altgr)
        self._dead = ""
        self._alt = AltCode()
        self._hex = HexCode()
        self._settle()

    def use(self, layout: Layout) -> None:
        """Another layout from now on."""
        self.layout = layout
        self._modifiers.use(has_altgr=layout.has_altgr)
        self._settle()

    @property
    def is_waiting(self) -> bool:
        """Whether keys were pressed that type something only with those that follow."""
        return bool(self._dead or self._alt.digits or self._hex.is_open)

    def takes(self, code: int) -> bool:
        """Whether Enter is a part of a character here, not the end of a code."""
        return self._hex.is_open and code == KEY_ENTER

    @property
    def is_numbering(self) -> bool:
        """Whether digits are coming in of a character that is typed by its number."""
        return bool(self._alt.digits) or self._hex.is_open

    @property
    def level(self) -> int:
        """0 to 3: plain, Shift, AltGr, both; whether or not this layout has an AltGr."""
        return self._modifiers.shift + 2 * self._modifiers.may_be_altgr

    def press(self, code: int) -> str | None:
        """A key goes down."""
        if code in SILENT:
            self._change_state(code)
            return ""
        if self._hex.is_open:
            return self._press_hex(code)
        if self._modifiers.alt:
            return self._press_alt(code)
        if self._modifiers.meta:
            return self._no_character(code, " with Meta")
        if self._modifiers.ctrl:
            return self._press_ctrl(code)
        return self._type(code)

    def release(self, code: int) -> str | None:
        """A key of RELEASES goes up."""
        if code not in MODIFIERS:
            self._alt.release(code)
            return ""
        self._modifiers.release(code)
        typed = self._finish_what_was_held()
        self._settle()
        return typed

    def finish(self) -> str | None:
        """What is typed by that which waits, now that no more keys follow. A dead key alone types its accent."""
        if self._alt.digits or self._hex.is_open:
            self.forget()
            return self._refuse("a character typed by its number was not finished")
        accent = self.layout.accents.get(self._dead, "")
        self.forget()
        return accent

    def forget(self) -> None:
        """Drop what waits; what is held stays held."""
        self._dead = ""
        self._alt.clear()
        self._hex.clear()
        self._settle()

    def memory(self) -> list[int]:
        """What is held and locked, and whether Caps Lock was on at first; for when nothing waits."""
        return [*self._modifiers.memory(), int(self._caps_at_first)]

    def recall(self, held: int, caps: int, caps_at_first: int) -> None:
        """Go on from there."""
        self._modifiers.recall(held, caps)
        self._caps_at_first = bool(caps_at_first)
        self._settle()

    def lose_track(self) -> None:
        """Keys are missing: nothing may stick, and Caps Lock is as it was at first."""
        self._modifiers.clear(caps=self._caps_at_first)
        self.forget()

    def _settle(self) -> None:
        modifiers = self._modifiers
        self._chars = self.layout.levels[modifiers.level]
        changes = modifiers.ctrl or modifiers.alt or modifiers.meta or self._dead or self._hex.is_open
        self.at_once = NOTHING if changes else self.layout.at_once[modifiers.level]

    def _change_state(self, code: int) -> None:
        if code in MODIFIERS:
            self._modifiers.press(code)
        elif code == KEY_CAPSLOCK:
            self._modifiers.toggle_caps()
        self._settle()

    def _type(self, code: int) -> str | None:
        char = self._chars[code] if code < CODES else ""
        if not char:
            # What some makers type for the GS of GS1 codes.
            return self._join("\x1d") if code == KEY_F12 else self._no_character(code)
        accent = self.layout.accents.get(char)
        if not accent or self._dead:
            return self._join(accent or char)
        self._dead = char
        self._settle()
        return ""

    def _join(self, char: str) -> str:
        """A character, with the dead key before it if there is one.

        What does not compose is typed one after the other.
        """
        dead, self._dead = self._dead, ""
        self._settle()
        if not dead:
            return char
        accent = self.layout.accents[dead]
        return accent if char == " " else self.layout.composed.get(dead + char) or accent + char

    def _press_ctrl(self, code: int) -> str | None:
        if self._modifiers.shift and latin(code, self.layout) == "u":
            self._hex.begin()
            self._settle()
            return ""
        char = control_character(code, self.layout) if code < CODES else ""
        return self._join(char) if char else self._no_character(code, " with Ctrl")

    def _press_alt(self, code: int) -> str | None:
        if code not in KEYPAD_DIGITS:
            self._alt.clear()
            return self._no_character(code, " with Alt")
        self._alt.press(code)
        return ""

    def _press_hex(self, code: int) -> str | None:
        if code in (_SPACE, KEY_ENTER):
            return self._finish_hex()
        shifted = self.layout.levels[1][code] if code < CODES else ""
        is_held = self._modifiers.ctrl and self._modifiers.shift
        if self._hex.press(latin(code, self.layout), shifted, is_held=is_held):
            return ""
        self.forget()
        return self._no_character(code, " after Ctrl+Shift+U")

    def _finish_what_was_held(self) -> str | None:
        if self._hex.is_held and not (self._modifiers.ctrl and self._modifiers.shift):
            return self._finish_hex()
        if self._alt.digits and not self._modifiers.alt:
            digits = self._alt.digits
            char = self._alt.finish(self.layout)
            return self._join(char) if char else self._refuse(f"Alt+{digits} names no character for certain")
        return ""

    def _finish_hex(self) -> str | None:
        digits = self._hex.digits
        char = self._hex.finish()
        self._settle()
        return self._join(char) if char else self._refuse(f"Ctrl+Shift+U {digits} is no character")

    def _no_character(self, code: int, held: str = "") -> str | None:
        return self._refuse(f"key {code}{held} has no character on a keyboard of layout {self.layout.name}")

    def _refuse(self, fault: str) -> str | None:
        self.fault = fault
        return None
