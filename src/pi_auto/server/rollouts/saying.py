"""`pi-auto-server device pin|unpin|tag|group`: what a device is to roll-outs. The server alone is asked."""

from __future__ import annotations

import argparse

from pi_auto.server.admin.asking import ask
from pi_auto.server.settings import SettingsError

_WORD = {"pin": "version", "unpin": None, "tag": "tag", "group": "group"}
SAYINGS = tuple(_WORD)


def say(options: argparse.Namespace) -> str:
    """Have it noted; what to print. Raises SettingsError for a word too many or too few."""
    method, name = options.method, _WORD[options.method]
    removes = bool(options.remove)
    if removes and method not in {"tag", "group"}:
        raise SettingsError(f"{method} takes no --remove; unpin takes back a pin")
    wanted = name is not None and not (removes and method == "group")
    if wanted != (options.word is not None):
        raise SettingsError(f"{method} takes {'one word' if wanted else 'no word'} behind the device")
    told = {"device_id": options.device} | ({name: options.word} if name and wanted else {})
    asked = argparse.Namespace(data=options.data, key_file=options.key_file, remove=options.remove, **told)
    device = ask(asked, f"device {method}")["device_id"]
    return f"{device}: {method} {options.word or ''}".rstrip() + (" removed" if removes else "")
