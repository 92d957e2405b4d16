"""`pi-auto-client wifi`: which networks came by scanning, whether a code is followed now; and forgetting them."""

from __future__ import annotations

import json
import sys
from contextlib import closing

from pi_auto.client.wifi.facts import facts_of
from pi_auto.client.wifi.network_manager import ManagerError, NetworkManager
from pi_auto.client.wifi.outcomes import SENTENCES
from pi_auto.client.wifi.policy import may_scan
from pi_auto.client.wifi.profile import is_scanned, ssid_in
from pi_auto.wire.escape import printable


def show(*, as_json: bool) -> int:
    """Print it; the exit code."""
    why_not = may_scan(facts_of())
    try:
        with closing(NetworkManager()) as manager:
            names = sorted(_scanned(manager).values())
    except ManagerError as error:
        print(f"pi-auto-client wifi: {error}", file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps({"followed_now": why_not is None, "networks": names}, indent=2))
        return 0
    now = f"would be {SENTENCES[why_not]}" if why_not else "would be followed now"
    print(f"a scanned Wi-Fi code {now}")
    print("networks joined by scanning: " + (", ".join(names) or "none"))
    return 0


def forget() -> int:
    """Forget all that came by scanning; those that people have set up stay. The exit code."""
    try:
        with closing(NetworkManager()) as manager:
            scanned = _scanned(manager)
            for path in scanned:
                manager.delete(path)
    except ManagerError as error:
        print(f"pi-auto-client wifi: {error}{'; run it with sudo' if error.is_denied else ''}", file=sys.stderr)
        return 1
    print("forgotten: " + (", ".join(sorted(scanned.values())) or "nothing, for no network came by scanning"))
    return 0


def _scanned(manager: NetworkManager) -> dict[str, str]:
    """Names by objects."""
    return {
        path: printable(ssid_in(profile).decode("utf-8", "replace"))
        for path, profile in manager.profiles().items()
        if is_scanned(profile)
    }
