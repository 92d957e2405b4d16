"""The keys whose meaning a layout decides, by their evdev codes, in the order of the tables.

All of a keyboard but the space bar and the keypad, which mean the same everywhere; 86 is beside
the left Shift of ISO keyboards, 89 and 124 are those of Japanese ones.
"""

from __future__ import annotations

POSITIONS = (*range(2, 14), *range(16, 28), *range(30, 42), *range(43, 54), 86, 89, 124)
