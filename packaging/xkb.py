"""What a key means according to xkb: keysyms out of libxkbcommon, asked through ctypes. A development tool.

Debian packages: libxkbcommon0 and xkb-data. A layout and a key code go in, a character comes out.
"""

from __future__ import annotations

import ctypes
from ctypes import c_char_p, c_int, c_size_t, c_uint32, c_void_p

_LIBRARY = "libxkbcommon.so.0"
_OFFSET = 8  # xkb counts keys from 8, as X11 does
_DEAD = {
    "dead_grave": "\u0300",
    "dead_acute": "\u0301",
    "dead_circumflex": "\u0302",
    "dead_tilde": "\u0303",
    "dead_breve": "\u0306",
    "dead_abovedot": "\u0307",
    "dead_diaeresis": "\u0308",
    "dead_abovering": "\u030a",
    "dead_doubleacute": "\u030b",
    "dead_caron": "\u030c",
    "dead_cedilla": "\u0327",
    "dead_ogonek": "\u0328",
}


class _Names(ctypes.Structure):
    _fields_ = tuple((name, c_char_p) for name in ("rules", "model", "layout", "variant", "options"))


class Keymap:
    """A layout of xkb, such as `fr` or `fr(azerty)`.

    OSError where libxkbcommon is missing, ValueError for an unknown one.
    """

    LEVELS = ((), ("Shift",), ("Mod5",), ("Shift", "Mod5"))  # Mod5 is what AltGr stands for

    def __init__(self, layout: str) -> None:
        self._xkb = _library()
        name, _, variant = layout.rstrip(")").partition("(")
        names = _Names(b"evdev", b"pc105", name.encode(), variant.encode(), b"")
        self._keymap = self._xkb.xkb_keymap_new_from_names(self._xkb.xkb_context_new(0), ctypes.byref(names), 0)
        if not self._keymap:
            raise ValueError(f"xkb has no layout {layout}")

    def character(self, code: int, level: int) -> str | None:
        """What a key (an evdev code) types; of a dead key the combining character; None for nothing."""
        state = self._xkb.xkb_state_new(self._keymap)
        mask = 0
        for modifier in self.LEVELS[level]:
            mask |= 1 << self._xkb.xkb_keymap_mod_get_index(self._keymap, modifier.encode())
        self._xkb.xkb_state_update_mask(state, mask, 0, 0, 0, 0, 0)
        keysym = self._xkb.xkb_state_key_get_one_sym(state, code + _OFFSET)
        self._xkb.xkb_state_unref(state)
        name = ctypes.create_string_buffer(64)
        self._xkb.xkb_keysym_get_name(keysym, name, 64)
        point = self._xkb.xkb_keysym_to_utf32(keysym)
        return _DEAD.get(name.value.decode()) or (chr(point) if point else None)


def _library() -> ctypes.CDLL:
    xkb = ctypes.CDLL(_LIBRARY)
    for function in (xkb.xkb_context_new, xkb.xkb_keymap_new_from_names, xkb.xkb_state_new):
        function.restype = c_void_p
    xkb.xkb_keymap_new_from_names.argtypes = [c_void_p, c_void_p, c_int]
    xkb.xkb_keymap_mod_get_index.argtypes = [c_void_p, c_char_p]
    xkb.xkb_state_new.argtypes = xkb.xkb_state_unref.argtypes = [c_void_p]
    xkb.xkb_state_update_mask.argtypes = [c_void_p, *[c_uint32] * 6]
    xkb.xkb_state_key_get_one_sym.argtypes = [c_void_p, c_uint32]
    xkb.xkb_state_key_get_one_sym.restype = xkb.xkb_keysym_to_utf32.restype = c_uint32
    xkb.xkb_keysym_get_name.argtypes = [c_uint32, c_char_p, c_size_t]
    xkb.xkb_context_new.argtypes = [c_int]
    xkb.xkb_keysym_to_utf32.argtypes = [c_uint32]
    return xkb
