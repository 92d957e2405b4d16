"""What a Raspberry Pi's firmware has noticed: too little voltage, too much heat. Other machines have none."""

from __future__ import annotations

from pathlib import Path

# Bits of get_throttled (raspberrypi.com, "vcgencmd"); each 16 higher: it was so at some time since boot.
UNDER_VOLTAGE, THROTTLED, TOO_WARM = 0, 2, 3
SINCE_BOOT = 16
_PLACES = ("sys/devices/platform/soc*/*:firmware/get_throttled", "sys/devices/platform/*firmware*/get_throttled")


def throttled(root: Path = Path("/")) -> int | None:
    """The bits; None where no firmware tells them. Raises OSError and ValueError where that cannot be read."""
    for place in _PLACES:
        for file in sorted(root.glob(place)):
            return int(file.read_text(encoding="ascii").strip(), 16)
    return None


def is_set(bits: int | None, bit: int) -> bool:
    """Whether one of them is set."""
    return bool((bits or 0) >> bit & 1)
