from __future__ import annotations

import pytest

from pi_auto.client.appliance.wifi import is_profile, without_keys, without_networks, without_wifis

PROFILES = {
    "as NetworkManager writes it": ("[connection]\nid=shop\nuuid=1\ntype=wifi\n\n[wifi]\nssid=shop\n", True),
    "as it wrote it long ago": ("[connection]\nid=shop\ntype=802-11-wireless\n", True),
    "with blanks": ("[connection]\n type = wifi\n", True),
    "without a type, but a section": ("[802-11-wireless]\nssid=shop\n", True),
    "a cable": ("[connection]\nid=cable\ntype=ethernet\n\n[ethernet]\n", False),
    "a cable called after a Wi-Fi": ("[connection]\nid=wifi\ntype=ethernet\n[ipv4]\ntype=wifi\n", False),
    "nothing": ("", False),
}


@pytest.mark.parametrize("case", PROFILES)
def test_a_profile_of_a_wifi_is_known(case: str) -> None:
    keyfile, expected = PROFILES[case]
    assert is_profile(keyfile) is expected


SECRET = "      password: 'canary'\n"
ETHERNET = "  ethernets:\n    eth0:\n      dhcp4: true\n"
HEAD = "network:\n  version: 2\n  renderer: NetworkManager\n"
NETPLANS = {
    "both": (
        f"{HEAD}  wifis:\n    wlan0:\n      access-points:\n        shop:\n{SECRET}{ETHERNET}",
        HEAD + ETHERNET,
    ),
    "the Wi-Fi last, with blank lines in it": (
        f"{HEAD}{ETHERNET}  wifis:\n\n    wlan0:\n\n{SECRET}",
        HEAD + ETHERNET,
    ),
    "in quotes, with a comment": (f'{HEAD}{ETHERNET}  "wifis": # shop\n    wlan0:\n{SECRET}', HEAD + ETHERNET),
    "nothing but a Wi-Fi": (f"# made by netplan\n{HEAD}  wifis:\n    wlan0:\n{SECRET}", ""),
    "a Wi-Fi on one line": (f"{HEAD}  wifis: {{wlan0: {{password: canary}}}}\n{ETHERNET}", HEAD + ETHERNET),
    "braces over several lines": (
        f"{HEAD}  wifis: {{\n    wlan0: {{password: canary}}\n  }}\n{ETHERNET}",
        HEAD + ETHERNET,
    ),
    "all of it on one line": ("{network: {version: 2, wifis: {wlan0: {password: canary}}}}\n", ""),
    "a name that holds Unicode's end of a line": (
        f"{HEAD}  wifis:\n    wlan0:\n      shop\u2028canary:\n{SECRET}{ETHERNET}",
        HEAD + ETHERNET,
    ),
    "a line in it that somebody made a comment of": (
        f"{HEAD}  wifis:\n    wlan0:\n#     dhcp4: false\n      access-points:\n        shop:\n{SECRET}{ETHERNET}",
        HEAD + ETHERNET,
    ),
    "a comment of the whole of it": (f"{HEAD}{ETHERNET}#  wifis:\n#    wlan0:\n#{SECRET}", ""),
    "none": (HEAD + ETHERNET, HEAD + ETHERNET),
}


@pytest.mark.parametrize("case", NETPLANS)
def test_netplan_keeps_everything_but_the_wifis(case: str) -> None:
    text, expected = NETPLANS[case]
    assert without_wifis(text) == expected


def test_wpa_supplicant_keeps_its_country_and_loses_its_networks() -> None:
    text = (
        "ctrl_interface=DIR=/var/run/wpa_supplicant GROUP=netdev\ncountry=DE\n"
        'network={\n\tssid="shop"\n\tpsk="canary"\n}\n\n network = { ssid="a" psk="canary" }\n'
        'cred={\n  password="canary"\n}\nupdate_config=1\n'
    )
    left = without_networks(text)
    assert left.split() == [
        "ctrl_interface=DIR=/var/run/wpa_supplicant", "GROUP=netdev", "country=DE", "update_config=1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        '#network={\n#\tssid="shop"\n#\tpsk="canary"\n#}\n',
        'network={\n\tssid="shop"\n\t# of old }\n\tpsk="canary"\n}\n',
        'network={\n#}\n\tpsk="canary"\n}\n',
        'network={ # {shop}\n\tpsk="canary"\n}\n',
        'network={\n\tssid="shop" # {shop}\n\tpsk="canary"\n} # {shop}\n',
        'network={\n\tidentity=a}\n\tpsk="canary"\n}\n',
    ],
)
def test_a_comment_of_wpa_supplicant_hides_no_password(text: str) -> None:
    assert without_networks(f"country=DE\n{text}") == "country=DE\n"


def test_where_a_password_stands_outside_of_any_network_nothing_of_the_file_is_left() -> None:
    assert without_networks('country=DE\nap_scan=1 # psk="canary"\n') == ""


@pytest.mark.parametrize(
    "text",
    [
        "  #wpa-psk canary\n",
        "## wpa-psk canary\n",
        " # # wireless-key canary\n",
        "# wpa-psk canary\n",
        "  wireless_key canary\n",
        "  wpa-psk \\\n  canary\n",
    ],
)
def test_neither_does_one_of_ifupdown_or_a_second_line(text: str) -> None:
    assert without_keys(f"iface wlan0 inet dhcp\n{text}  metric 5\n") == "iface wlan0 inet dhcp\n  metric 5\n"


def test_ifupdown_keeps_its_interfaces_and_loses_the_keys() -> None:
    text = "auto wlan0\niface wlan0 inet dhcp\n    wpa-ssid shop\n    wpa-psk canary\n  wireless-key canary\n"
    assert without_keys(text) == "auto wlan0\niface wlan0 inet dhcp\n"
