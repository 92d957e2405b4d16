"""doctor on a real kernel: faults are planted one by one, the right check finds each, and each is mended again."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
import zipfile
from dataclasses import dataclass
from typing import Any

import pytest

from pi_auto.wire.connection_string import ConnectionString
from support.vm.appliance import Appliance, fresh_code
from support.vm.machine import HOST, Machine
from support.vm.site import Site
from support.waiting import wait_until

AGENT = "/var/lib/pi-auto-client/agent"
LOG = "/var/log/pi_auto_client.log"
SETTINGS = "/etc/pi_auto_client.json"
SCANNER = "kbd1"
FOUND_WITHIN, WELL_WITHIN = 120.0, 180.0  # seconds; each look takes some in emulation
AGAIN = "sudo systemctl restart pi-auto-client"  # so that it does not wait for its next try


@dataclass(frozen=True)
class Fault:
    """What is broken, which check has to be how, words that its line must have, and how it is mended.

    In `mend` {now} stands for the time. What an administrator does at the server comes before that on the Pi.
    """

    check: str
    plant: str
    mend: str
    words: str
    state: str = "wrong"
    at_server: str = ""
    mended_there: str = ""


CONFIGURE = "sudo pi-auto-client configure"
FAULTS = {
    "a server that nobody can reach": Fault(
        "server",
        f"sudo ip route add unreachable {HOST}",
        f"sudo ip route del unreachable {HOST}",
        "no firewall is between",
    ),
    "settings that are broken": Fault(
        "settings",
        f"sudo cp {SETTINGS} /root/ && echo '{{{{' | sudo tee {SETTINGS}",
        f"sudo cp /root/pi_auto_client.json {SETTINGS}",
        "what last worked is used",
    ),
    "a clock in 1970": Fault(
        "clock",
        "sudo systemctl stop systemd-timesyncd pi-auto-clock.path; sudo date -s '1970-01-02 03:04'",
        "sudo date -s @{now}; sudo systemctl start systemd-timesyncd pi-auto-clock.path",
        "timedatectl set-ntp true",
    ),
    "a disk that is full": Fault(
        "disk",
        "sudo fallocate -l $(df --output=avail -B1 / | tail -1) /fill; df /",
        "sudo rm /fill",
        "make room",
    ),
    "rights that were changed": Fault(
        "permissions", f"sudo chmod 0777 {AGENT}", f"sudo chmod 2710 {AGENT}", f"sudo chmod 2710 {AGENT}"
    ),
    "a scanner that capture may not read": Fault(
        "permissions",
        "sudo chgrp root /dev/input/by-id/*event-kbd",
        "sudo udevadm control --reload; sudo udevadm trigger --action=change --subsystem-match=input; sleep 2",
        "udevadm trigger",
    ),
    "a hub that refuses": Fault(
        "hub",
        "true",
        AGAIN,
        "the agent is not connected",
        at_server="pi-auto-hub device disable {device}",
        mended_there="pi-auto-hub device enable {device}",
    ),
    "names that lead nowhere": Fault(
        "names",
        f"sudo mv /etc/resolv.conf /root/; sudo touch /etc/resolv.conf; {CONFIGURE} --proxy http://proxy.example:3128",
        f"sudo mv /root/resolv.conf /etc/; {CONFIGURE} --unset proxy",
        "has named no DNS server",
    ),
    "no way out of the network": Fault(
        "network",
        "ip route show default | sudo tee /root/way; sudo ip route del default",
        "sudo ip route replace $(sudo cat /root/way)",
        "only the local network",  # where the test's server is, so that it goes on working
        state="warn",
    ),
    "a service that does not run": Fault(
        "services",
        "sudo systemctl disable --now pi-auto-capture",
        "sudo systemctl enable --now pi-auto-capture",
        "systemctl start pi-auto-capture",
    ),
    "an operator who has shut it out": Fault(
        "registration",
        AGAIN,
        AGAIN,
        "enrolment lift",
        at_server="pi-auto-server enrolment revoke {device}",
        mended_there="pi-auto-server enrolment lift {device}",
    ),
    "a Wi-Fi that is switched off": Fault(
        "rfkill",
        "sudo modprobe mac80211_hwsim radios=1 && echo 1 | sudo tee /sys/class/rfkill/rfkill*/soft",
        "sudo modprobe -r mac80211_hwsim",
        "rfkill unblock wifi",
        state="warn",  # for there is a cable
    ),
}


pytestmark = pytest.mark.unhurried


@pytest.fixture
def sick(pi: Appliance) -> Machine:
    """The Pi on which all this is tried, with one scanner, that capture knows to be one."""
    for name in ("kbd1", "kbd2"):
        if name != SCANNER and pi.machine.is_plugged(name):
            pi.machine.unplug(name)
    pi.have_scanner(SCANNER)
    return pi.machine


def look(sick: Machine) -> dict[str, dict[str, str]]:
    """What doctor finds now."""
    said = sick.run("sudo pi-auto-client doctor --json", check=False)
    return {each["name"]: each for each in json.loads(said)["findings"]}


def wrong(sick: Machine) -> list[str]:
    return [f"{name}: {each['what']}" for name, each in look(sick).items() if each["state"] == "wrong"]


def found(sick: Machine, fault: Fault) -> bool:
    line = look(sick)[fault.check]
    print(f"{line['state']} {line['name']}: {line['what']}; do: {line['remedy']}")
    return line["state"] == fault.state and fault.words in f"{line['what']}; {line['remedy']}"


def scanners(sick: Machine) -> list[dict[str, str]]:
    told: list[dict[str, str]] = json.loads(sick.run("sudo pi-auto-client scanners --json", check=False))[
        "scanners"
    ]
    return told


def test_of_a_device_that_is_well_nothing_is_wrong(sick: Machine) -> None:
    wait_until(lambda: not wrong(sick), WELL_WITHIN, "all is well")
    code, said = sick.status_of("sudo pi-auto-client doctor")
    print(said)
    assert code == 0, said
    assert "nothing is wrong" in said


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_by_its_check_and_gone_when_mended(sick: Machine, site: Site, name: str) -> None:
    fault = FAULTS[name]
    try:
        site.administer(fault.at_server)
        code, said = sick.status_of(fault.plant)
        if code and fault.check == "rfkill":
            pytest.skip(f"this kernel has no virtual Wi-Fi: {said}")
        assert code == 0, said
        wait_until(lambda: found(sick, fault), FOUND_WITHIN, f"{fault.check} is {fault.state}")
    finally:
        site.administer(fault.mended_there)
        sick.run(fault.mend.format(now=int(time.time())))
    wait_until(
        lambda: look(sick)[fault.check]["state"] != fault.state, WELL_WITHIN, f"{fault.check} is well again"
    )


def test_a_scanner_that_was_pulled_out_is_missed(sick: Machine, pi: Appliance) -> None:
    sick.unplug(SCANNER)
    missing = Fault("scanner", "", "", "lsusb")
    wait_until(lambda: found(sick, missing), FOUND_WITHIN, "that it is gone is found")
    pi.plug_in(SCANNER)
    assert look(sick)["scanner"]["state"] == "ok"


def test_without_sudo_it_says_which_checks_need_it(sick: Machine) -> None:
    code, said = sick.status_of("pi-auto-client doctor")
    assert code == 1
    assert "These need more rights: registration" in said


def test_it_leaves_no_trace_and_no_process(sick: Machine) -> None:
    before = sick.run(f"sudo find {AGENT} -newer {SETTINGS} -name '*.tmp'")
    look(sick)
    assert sick.run(f"sudo find {AGENT} -newer {SETTINGS} -name '*.tmp'") == before
    assert "doctor" not in sick.run("ps -eo args | grep '[p]i-auto-client/current'")


SECRETS = {
    "a password in the log": "horse-battery-4711",
    "a bearer": "bearer-4711",
    "a signature": "c2lnbmF0dXJlLTQ3MTE",
    "a key in PEM": "MHcCAQEEIIrHjZ8wQ0b2T3y9aXkq1QH5l0y3o8kQZ1v6yq2bqk4zoAoGCCqGSM49",
    "a Wi-Fi code": "wificode4711",
    "a password in an address": "userinfo-4711",
    "a token that is no setting": "stray-4711",
    "a psk": "profile-psk-4711",
    "a word for the kernel": "kernel-secret-4711",
}


def test_the_bundle_has_no_secret_in_it(sick: Machine, pi: Appliance) -> None:
    scanned = pi.scan()
    lines = [
        f"ERROR wrong password: {SECRETS['a password in the log']}",
        f"ERROR Authorization: Bearer {SECRETS['a bearer']}",
        f"ERROR SharedAccessSignature sr=x&sig={SECRETS['a signature']}&se=1",
        "ERROR -----BEGIN EC PRIVATE KEY-----", SECRETS["a key in PEM"], "-----END EC PRIVATE KEY-----",
        f"INFO barcode stored: number=1 uuid=u scanner=s text=WIFI:S:x;P:{SECRETS['a Wi-Fi code']};;",
        f"ERROR no https://user:{SECRETS['a password in an address']}@fleet.example",
        "INFO the last line",
    ]  # fmt: skip
    sick.run("printf '%s\\n' " + " ".join(f'"{line}"' for line in lines) + f" | sudo tee -a {LOG} >/dev/null")
    sick.run(f"echo 'usb secret: {SECRETS['a word for the kernel']}' | sudo tee /dev/kmsg >/dev/null")
    profiles = "/etc/NetworkManager/system-connections"
    sick.run(f"sudo mkdir -p {profiles} && echo 'psk={SECRETS['a psk']}' | sudo tee {profiles}/x.nmconnection")
    stray = f'"fleet_token": "{SECRETS["a token that is no setting"]}",'
    sick.run(f"sudo cp {SETTINGS} /root/ && sudo sed -i '1s/{{/{{{stray}/' {SETTINGS}")
    try:
        sick.run("rm -f bundle.zip")
        said = sick.run("sudo pi-auto-client doctor --with-barcodes --bundle bundle.zip", check=False)
    finally:
        sick.run(f"sudo cp /root/pi_auto_client.json {SETTINGS}")
    assert "journal.txt" in said
    held = unpacked(sick)
    assert "the last line" in held["log.txt"]
    assert "registered as pi-" in held["journal.txt"]
    assert "usb" in held["kernel.txt"]
    assert "barcode stored" in held["journal.txt"]
    assert scanned in held["journal.txt"]
    everything = "\n".join(held.values())
    assert [what for what, secret in (SECRETS | own_secrets(sick)).items() if secret in everything] == []


def unpacked(sick: Machine) -> dict[str, str]:
    """The bundle, which the user `pi` can read without sudo."""
    octets = base64.b64decode(sick.run("base64 bundle.zip"))
    with zipfile.ZipFile(io.BytesIO(octets)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def own_secrets(sick: Machine) -> dict[str, str]:
    told: dict[str, Any] = json.loads(sick.run("sudo pi-auto-client status --secrets"))
    claim = json.loads(sick.run(f"sudo cat {AGENT}/identity.json"))["claim"]
    pem = sick.run(f"sudo cat {AGENT}/device_key.pem").splitlines()
    private = {f"line {number} of its key": line for number, line in enumerate(pem) if "-----" not in line}
    key = ConnectionString.parse(told["connection_string"]).key
    return {"the claim": claim, "the token": told["api_token"], "the hub's key": key} | private


def test_before_shipping_every_box_is_ticked_but_that_of_updates_which_are_off(
    sick: Machine, pi: Appliance
) -> None:
    wait_until(lambda: not wrong(sick), WELL_WITHIN, "all is well")
    over = threading.Event()
    said: list[str] = []

    def ship() -> None:
        try:
            code, told = sick.status_of("sudo pi-auto-client doctor --before-shipping --seconds 120")
            said.extend([str(code), told])
        finally:
            over.set()

    shipping = threading.Thread(target=ship)
    shipping.start()
    stopped = "test $(systemctl is-active pi-auto-client) = inactive"
    wait_until(lambda: over.is_set() or sick.status_of(stopped)[0] == 0, 120, "it asks for a scan")
    while not over.wait(3.0):
        pi.type(fresh_code())
    shipping.join()
    print(said[1])
    assert said[0] == "1", said[1]
    assert said[1].count("[x]") == 5
    assert "[ ] Test OTA update process: updates are off" in said[1]
    assert sick.run("systemctl is-active pi-auto-client") == "active"
