"""The profile of NetworkManager that a scanned network becomes, and what its device says of an attempt. Pure.

Values carry their D-Bus signatures. Source: NetworkManager's D-Bus reference, settings and NMDeviceStateReason.
"""

from __future__ import annotations

from typing import Any

from pi_auto.client.wifi.code import Network, Security
from pi_auto.client.wifi.outcomes import Outcome

Variant = tuple[str, Any]
Profile = dict[str, dict[str, Variant]]
WIFI = "802-11-wireless"
MARK = "pi-auto.scanned"  # in the profile's own data: this one came by scanning, and no other is ever touched
PRIORITY = -10  # below what people have set up, which is 0
ACTIVATED, FAILED, DISCONNECTED = 100, 120, 30  # states of a device
JOINING = range(40, ACTIVATED)  # PREPARE to SECONDARIES
_REASONS = {
    7: Outcome.WRONG_PASSWORD,  # NO_SECRETS: NetworkManager would ask for another one
    5: Outcome.NO_ADDRESS, 15: Outcome.NO_ADDRESS, 16: Outcome.NO_ADDRESS, 17: Outcome.NO_ADDRESS,  # DHCP
    53: Outcome.NOT_FOUND,
}  # fmt: skip


def profile_of(network: Network, uuid: str) -> Profile:
    """What NetworkManager is to be given."""
    wireless: dict[str, Variant] = {"ssid": ("ay", network.ssid), "mode": ("s", "infrastructure")}
    if network.hidden:
        wireless["hidden"] = ("b", True)
    profile: Profile = {
        "connection": {
            "id": ("s", f"{network.ssid.decode('utf-8', 'replace')} (scanned)"),
            "uuid": ("s", uuid),
            "type": ("s", WIFI),
            "autoconnect": ("b", True),
            "autoconnect-priority": ("i", PRIORITY),
        },
        WIFI: wireless,
        "ipv4": {"method": ("s", "auto")},
        "ipv6": {"method": ("s", "auto")},
        "user": {"data": ("a{ss}", {MARK: "1"})},
    }
    if security := _security(network):
        profile[f"{WIFI}-security"] = security
    return profile


def _security(network: Network) -> dict[str, Variant]:
    if network.security is Security.OPEN:
        return {}
    if network.security is Security.WEP:
        return {"key-mgmt": ("s", "none"), "wep-key0": ("s", network.password), "wep-key-type": ("u", 1)}
    return {
        "key-mgmt": ("s", "sae" if network.security is Security.SAE else "wpa-psk"),
        "psk": ("s", network.password),
    }


def is_scanned(profile: dict[str, dict[str, Variant]]) -> bool:
    """Whether a profile, as NetworkManager tells it, came by scanning."""
    _, data = profile.get("user", {}).get("data", ("", {}))
    return MARK in data


def ssid_in(profile: dict[str, dict[str, Variant]]) -> bytes:
    """Whose profile it is; empty if of no Wi-Fi."""
    return bytes(profile.get(WIFI, {}).get("ssid", ("ay", b""))[1])


def outcome_of(state: int, reason: int) -> Outcome | None:
    """What a new state of the device says of the attempt; None: it goes on."""
    if state == ACTIVATED:
        return Outcome.JOINED
    return _REASONS.get(reason, Outcome.FAILED) if state in (FAILED, DISCONNECTED) else None
