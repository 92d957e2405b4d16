"""Wi-Fi inside a virtual Pi: radios of mac80211_hwsim, one for its NetworkManager, one for an access point.

The access point (hostapd, DHCP by dnsmasq) lives in a network namespace that has the Pi's own network card: once
it is set up, the Pi has no other way to its server than a Wi-Fi that it joins.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from support.vm.instruments import OWN_MAC_PREFIX
from support.vm.machine import Machine
from support.waiting import wait_until

TRAFFIC = "/run/air.pcap"
# What a Pi needs for that, besides what all have: without what they recommend, such as a daemon for modems.
PACKAGES = ("network-manager", "wpasupplicant", "hostapd", "dnsmasq-base", "iw", "nftables", "tcpdump")
_SCRIPT = Path(__file__).parent / "guest" / "air.sh"


@dataclass(frozen=True, slots=True)
class Network:
    """A Wi-Fi as its access point has it; an open one without a password."""

    name: str
    password: str = ""
    hidden: bool = False

    def code(self, password: str | None = None) -> str:
        """As a phone shows it, perhaps with another password."""
        given = self.password if password is None else password
        kind = f"T:WPA;P:{_escaped(given)};" if given else "T:nopass;"
        return f"WIFI:S:{_escaped(self.name)};{kind}{'H:true;' if self.hidden else ''};"

    def of_hostapd(self) -> str:
        """The access point's configuration."""
        lines = [
            "interface=wlan1", "driver=nl80211", "hw_mode=g", "channel=1", f"ssid2={self.name.encode().hex()}",
            f"ignore_broadcast_ssid={int(self.hidden)}",
        ]  # fmt: skip
        if self.password:
            lines += ["wpa=2", "wpa_key_mgmt=WPA-PSK", "rsn_pairwise=CCMP", f"wpa_passphrase={self.password}"]
        return "\n".join(lines) + "\n"


class Air:
    """What a virtual Pi's radio can hear."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def set_up(self) -> None:
        """Bring the radios; from then on the Pi has no cable. Its image must have PACKAGES."""
        self._machine.copy_in(_SCRIPT)
        command = f"sudo sh /home/pi/air.sh {OWN_MAC_PREFIX} {TRAFFIC}"
        code, said = self._machine.status_of(command, timeout=120 * self._machine.slow)
        assert code == 0, said

    def has(self, network: Network) -> None:
        """This network and no other is on the air."""
        file = self._machine.folder / "hostapd.conf"
        file.write_text(network.of_hostapd())
        self._machine.copy_in(file)  # by a file: a command line would stand in the journal
        self.is_silent()
        mark = self._machine.journal.mark()
        self._machine.run(
            "sudo systemd-run --quiet --collect --unit=rig-hostapd ip netns exec air hostapd /home/pi/hostapd.conf"
        )
        self._machine.journal.wait_for("AP-ENABLED", mark, unit="rig-hostapd", timeout=60 * self._machine.slow)

    def is_silent(self) -> None:
        """Nothing is on the air."""
        self._machine.run("sudo systemctl stop rig-hostapd", check=False)

    def is_left(self, within: float = 60.0) -> None:
        """Wait until the Pi has no network any more.

        On a starved machine NetworkManager hears of a loss and the search after it as one, and then believes to be
        connected for ever: it is started anew.
        """
        try:
            wait_until(self._leads_nowhere, within, "no network is left")
        except AssertionError:
            self._machine.run("sudo systemctl restart NetworkManager")
            wait_until(self._leads_nowhere, within, "no network is left")

    def _leads_nowhere(self) -> bool:
        return not self._machine.run("ip route show default dev wlan0", check=False)

    def leads_on(self, *, on: bool) -> None:
        """Whether the networks lead to the server."""
        self._machine.run(f"sudo ip netns exec air sysctl -qw net.ipv4.ip_forward={int(on)}")

    def profiles(self) -> list[str]:
        """What NetworkManager knows of Wi-Fis."""
        shown = self._machine.run("nmcli --get-values TYPE,NAME connection")
        return [line.partition(":")[2] for line in shown.splitlines() if line.startswith("802-11-wireless")]


def _escaped(text: str) -> str:
    return "".join(f"\\{each}" if each in '\\;,:"' else each for each in text)
