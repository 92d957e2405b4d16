"""Every command line of the user's guide and of ours, with what it must show on a virtual Pi.

Names in a line stand for what the test puts there: `your-server:5000` and the guide's addresses of the server
for the port without TLS of the test's server, `your-server:5443` for the address that the device is given. The
installer has the fleet's card inside. A line whose `decision` is set is replaced by that; the line that took its
place is tried like all others.
"""

from __future__ import annotations

from dataclasses import dataclass

_DECISION = "0012-lines-of-the-guide-that-changed.md"
_ELSEWHERE = r'"instead":\s*"curl --cacert'  # the port without TLS shows devices to its own machine alone
_HEALTHY = r'"service":\s*"barcode_scanner_server"'


@dataclass(frozen=True, slots=True)
class Line:
    """A command line, a regular expression that what it prints must match, and how it is run.

    `on` is where it is typed: the workstation, the server's machine or the Pi. `ends` is false where it goes on
    until Ctrl-C. `codes` are the exit codes that are right. `decision` names the page under docs/decisions that
    explains a replacement.
    """

    command: str
    shows: str = ""
    on: str = "pi"
    ends: bool = True
    codes: tuple[int, ...] = (0,)
    decision: str | None = None


# In the order in which a person comes to them: the box is installed by the first, removed by the last.
INSTALLING = (
    Line("sudo apt update && sudo apt upgrade -y", "."),
    Line("scp pi_auto_client.py pi@192.168.1.18:/home/pi/", on="workstation"),
    Line("scp install_pi_client.sh pi@192.168.1.18:/home/pi/", on="workstation"),
    Line("ssh pi@192.168.1.18", "", on="workstation"),
    Line("chmod +x install_pi_client.sh"),
    Line("sudo ./install_pi_client.sh", "installed and healthy"),
    Line("scp fleet.json pi@192.168.1.18:/home/pi/", on="workstation"),
    Line("sudo ./install_pi_client.sh --card fleet.json", "installed and healthy"),
    Line("sudo pi-auto-client configure --server https://your-server:5443", "is written"),
    Line("sudo ./install_pi_client.sh --server https://your-server:5443", "installed and healthy"),
)
USING = (
    Line("sudo systemctl status pi-auto-client", r"Active: active \(running\)"),
    Line("sudo journalctl -u pi-auto-client -f", r"pi_auto\.\w+", ends=False),
    Line("curl http://localhost:5000/api/pi_devices", r'"device_id":\s*"pi-', on="server"),
    Line("curl http://192.168.1.18:5000/api/pi_devices", _ELSEWHERE),
    Line("curl http://your-server:5000/api/pi_devices", _ELSEWHERE),
    Line("curl http://your-server:5000/api/pi_device/$(hostname)", _ELSEWHERE),
    Line("sudo systemctl stop pi-auto-client"),
    Line("sudo systemctl start pi-auto-client"),
    Line("sudo systemctl restart pi-auto-client"),
    Line("sudo /opt/pi-auto-client/update_client.sh", "no update"),
    Line("cat /etc/pi_auto_client.json", r'"device_id": "pi-'),
    Line("sudo pi-auto-client status", r"device: +pi-"),
    Line("sudo pi-auto-client status --secrets", "HostName=.*SharedAccessKey="),
    Line("sudo pi-auto-client scanners", "QEMU USB Keyboard"),
    Line("sudo pi-auto-client scanners --test", "4006381333931", ends=False),
    Line("sudo cat /dev/input/event0", "", ends=False, decision=_DECISION),
    Line("sudo pi-auto-client doctor", r"server", codes=(0, 1)),
    Line("sudo pi-auto-client doctor --before-shipping", r"\[x\] .*[Hh]ub", codes=(0, 1)),
    Line("sudo pi-auto-client doctor --bundle /tmp/for-support.zip", "for-support.zip", codes=(0, 1)),
    Line("ping 8.8.8.8", "", ends=False, decision=_DECISION),
    Line("ping -c 1 8.8.8.8", "", codes=(0, 1, 2)),
    Line("ping CaleffiIoT.azure-devices.net", "", ends=False, decision=_DECISION),
    Line("curl http://10.0.0.4:5000/api/health", _HEALTHY),
    Line("curl http://your-server:5000/api/health", _HEALTHY),
    Line("lsusb", "0627:0001"),
    Line("ls -la /dev/input/", r"crw-r-----.* pi-auto-capture .*event\d"),
    Line("ls -la /tmp/backup_*.zip", "", codes=(2,), decision=_DECISION),
    Line('sudo journalctl -u pi-auto-client | grep "register"', "registered as pi-"),
    Line('sudo journalctl -u pi-auto-client | grep "update"', "no update"),
    Line('sudo journalctl -u pi-auto-client | grep "barcode"', "barcodes delivered to the API"),
    Line('sudo journalctl -u pi-auto-client | grep "IoT Hub"', "connected to the IoT Hub"),
    Line("pi-auto-client clock", r"floor +20\d\d-"),
    Line(
        'sudo journalctl -u pi-auto-clock -u pi-auto-client | grep "clock"', "raises the clock"
    ),  # systemd's line of its start
    Line('sudo journalctl -u pi-auto-client | grep -E "direct method|diagnostics|reboot"', "", codes=(0, 1)),
    Line('sudo journalctl -u pi-auto-capture | grep -E "barcode|scan_lost"', "barcode stored"),
)
REMOVING = (
    # Without a terminal nobody can answer a question, so it asks none of them and says what to do.
    Line("sudo pi-auto-client factory-reset", "--yes", codes=(1, 2)),
    Line("sudo /opt/pi-auto-client/uninstall.sh", "removed"),
)
LINES = (*INSTALLING, *USING, *REMOVING)
