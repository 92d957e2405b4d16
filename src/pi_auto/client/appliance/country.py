"""Tells the machine in which country its Wi-Fi is: until then Raspberry Pi OS keeps the radio off.

On Raspberry Pi OS its own tool does it; elsewhere the kernel is told, now and at each start.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from pi_auto.client.appliance import machine
from pi_auto.client.appliance.errors import SetupFailed
from pi_auto.files import write_whole

_CODE = re.compile(r"[A-Z]{2}")
_KERNEL = "etc/modprobe.d/pi-auto-wifi-country.conf"


def country_code(text: str) -> str:
    """The two capital letters of a country. Raises ValueError."""
    if not _CODE.fullmatch(text.upper()):
        raise ValueError(f"{text!r}; allowed: the two letters of a country, such as DE (ISO 3166)")
    return text.upper()


def set_country(code: str, root: Path = Path("/")) -> int:
    """Set it, and switch the radio on; the exit code."""
    try:
        if shutil.which("raspi-config"):
            machine.run("raspi-config", "nonint", "do_wifi_country", code)
        else:
            write_whole(root / _KERNEL, f"options cfg80211 ieee80211_regdom={code}\n")
            machine.may_fail("iw", "reg", "set", code)
        machine.may_fail("rfkill", "unblock", "wifi")
    except (SetupFailed, OSError) as error:
        print(f"pi-auto-client setup: the Wi-Fi country cannot be set: {error}", file=sys.stderr)
        return 1
    return 0
