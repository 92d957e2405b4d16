"""What each check makes of its facts: a table for each, of facts, state, and words that must be said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pi_auto.client.doctor.checks import (
    card,
    clock,
    disk,
    hub,
    installation,
    names,
    network,
    permissions,
    queue,
    registration,
    rfkill,
    scanner,
    server,
    services,
    settings,
    signals,
    temperature,
    undervoltage,
    update,
    watchdog,
)
from pi_auto.client.doctor.examining import CHECKS
from pi_auto.client.doctor.exchange import Exchange, Stop
from pi_auto.client.doctor.findings import State
from pi_auto.client.doctor.units import Service

OK, WARN, WRONG = State.OK, State.WARN, State.WRONG
MIB = 2**20
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
FILE = Path("/etc/pi_auto_client.json")
CARD = Path("/etc/pi_auto_fleet.json")
URL = "https://fleet.example"
WELL = Service("pi-auto-client", installed=True, active=True, state="active, running", restarts=0, at_boot=True)
WELL = replace(WELL, up_for=5000.0)
FOLDER = permissions.Seen("/var/lib/pi-auto-client/agent", 0o2710, "pi-auto", "pi-auto-capture")
SECRET = permissions.Seen("/var/lib/pi-auto-client/agent/identity.json", 0o600, "pi-auto", "pi-auto-capture")
CODE = permissions.Seen("/opt/pi-auto-client/releases/1/app/x.py", 0o644, "root", "root")
NODE = permissions.Seen("/dev/input/event3", 0o640, "root", "pi-auto-capture")
CABLE, RADIO = network.Interface("eth0", up=True), network.Interface("wlan0", up=False, wireless=True)


def met(stop: Stop, said: str = "", now: datetime = NOW) -> server.Facts:
    return server.Facts(URL, Exchange(stop, said, "fleet.example port 443", "fleet.example", None, now))


def known(**changes: Any) -> hub.Facts:
    return replace(hub.Facts(registered=True, address="hub.test port 8883"), **changes)


Case = tuple[Any, State, str]
TABLES: dict[str, list[Case]] = {
    "installation": [
        (installation.Facts("0.1.0"), OK, "0.1.0"),
        (installation.Facts(None), WRONG, "install_pi_client.sh"),
        (installation.Facts("0.1.0", tried=False), WARN, "the machine is busy"),
        (installation.Facts("0.1.0", "No module named paho"), WRONG, "No module named paho"),
        (installation.Facts("0.1.0", not_at_boot=("pi-auto-capture",)), WRONG, "enable --now pi-auto-capture"),
    ],
    "services": [
        (services.Facts((WELL,)), OK, "both run"),
        (services.Facts(), WRONG, "systemd does not run"),
        (services.Facts((replace(WELL, installed=False, active=False),)), WRONG, "not installed"),
        (services.Facts((replace(WELL, active=False, state="failed"),)), WRONG, "start pi-auto-client"),
        (
            services.Facts((replace(WELL, active=False),), {"pi-auto-client": "cannot use /var"}),
            WRONG,
            "last words: cannot use /var",
        ),
        (services.Facts((replace(WELL, restarts=12, up_for=3.0),)), WARN, "12 times"),
        (services.Facts((replace(WELL, restarts=12, up_for=3600.0),)), OK, "both run"),
    ],
    "settings": [
        (settings.Facts(FILE, URL), OK, URL),
        (settings.Facts(FILE, URL, "it is not JSON"), WRONG, "what last worked is used"),
        (settings.Facts(FILE, "", "it is not JSON"), WRONG, "it is not JSON"),
        (settings.Facts(FILE), WRONG, "configure --server"),
        (settings.Facts(FILE, has_card=True), OK, "by its fleet card"),
        (settings.Facts(FILE, URL, unknown=("sever_url",)), WARN, "sever_url"),
        (settings.Facts(FILE, URL, is_news=True), WARN, "systemctl restart"),
    ],
    "card": [
        (card.Facts(CARD), OK, "there is none"),
        (card.Facts(CARD, "fxue", datetime(2040, 1, 1, tzinfo=UTC), now=NOW), OK, "fxue"),
        (
            card.Facts(CARD, "fxue", datetime(2040, 1, 1, tzinfo=UTC), now=NOW, located=False),
            WARN,
            "found on this network alone",
        ),
        (card.Facts(CARD, trouble="is no fleet card: ca is missing"), WRONG, "--card fleet.json"),
        (
            card.Facts(CARD, "fxue", datetime(2040, 1, 1, tzinfo=UTC), now=NOW, signs=False),
            WRONG,
            "apt-get install openssl",
        ),
        (card.Facts(CARD, "fxue", None, now=NOW), WRONG, "cannot be read"),
        (
            card.Facts(CARD, "fxue", datetime(2026, 11, 22, tzinfo=UTC), now=NOW),
            WRONG,
            "has expired on 2026-11-22",
        ),
        (card.Facts(CARD, "fxue", datetime(2026, 12, 22, tzinfo=UTC), now=NOW), WARN, "expires on 2026-12-22"),
        (
            card.Facts(CARD, "fxue", datetime(2040, 1, 1, tzinfo=UTC), now=datetime(1970, 1, 1, tzinfo=UTC)),
            WRONG,
            "line about the clock",
        ),
    ],
    "network": [
        (network.Facts((CABLE,), ("192.168.1.18",), ("eth0",)), OK, "192.168.1.18"),
        (network.Facts((replace(CABLE, up=False), RADIO)), WRONG, "eth0 has no cable, wlan0 has joined no Wi-Fi"),
        (network.Facts(), WRONG, "no network interface"),
        (network.Facts((CABLE, RADIO)), WRONG, "eth0 is connected, but has no address"),
        (network.Facts((CABLE,), ("192.168.1.18",)), WRONG, "no default route"),
        (network.Facts((CABLE,), ("fd00::18",), ("eth0",), server="10.0.0.2"), WRONG, "no IPv4"),
        (network.Facts((CABLE,), ("10.0.0.18",), ("eth0",), server="fd00::2"), WRONG, "no IPv6"),
        (network.Facts((CABLE,), ("fd00::18",), ("eth0",), server="fleet.example"), OK, "fd00::18"),
        (network.Facts((CABLE,), ("192.168.1.18",), near=True), WARN, "only the local network"),
    ],
    "rfkill": [
        (rfkill.Facts(), OK, "no Wi-Fi"),
        (rfkill.Facts((rfkill.Radio("phy0"),)), OK, "on"),
        (rfkill.Facts((rfkill.Radio("phy0", soft=True),)), WRONG, "rfkill unblock wifi"),
        (rfkill.Facts((rfkill.Radio("phy0", hard=True),)), WRONG, "turn the switch"),
        (rfkill.Facts((rfkill.Radio("phy0", soft=True),), connected=True), WARN, "another network is there"),
    ],
    "names": [
        (names.Facts(("10.0.0.1",), (names.Name("fleet.example", ("10.0.0.4",)),)), OK, "10.0.0.4"),
        (names.Facts(), OK, "no name"),
        (names.Facts((), (names.Name("fleet.example", trouble="failed"),)), WRONG, "named no DNS server"),
        (names.Facts(("10.0.0.1",), (names.Name("fleet", trouble="no", exists=False),)), WRONG, "a slip in fleet"),
        (names.Facts(("10.0.0.1",), (names.Name("fleet", trouble="no answer in time"),)), WRONG, "ping 10.0.0.1"),
    ],
    "server": [
        (met(Stop.ARRIVED, "version 1"), OK, "version 1"),
        (met(Stop.UNSET), WRONG, "configure --server"),
        (met(Stop.NAME, "not known"), WRONG, "line about names"),
        (met(Stop.REFUSED, "Connection refused"), WRONG, "nobody listens there"),
        (met(Stop.SILENT, "no answer in time"), WRONG, "firewall"),
        (met(Stop.PROXY, "status 407"), WRONG, "CONNECT"),
        (met(Stop.PORTAL, "it shows a page"), WRONG, "MAC address"),
        (met(Stop.LARGE, "no answer in time"), WRONG, "MTU"),
        (met(Stop.AUTHORITIES, "/no.pem"), WRONG, "server_ca"),
        (met(Stop.NO_TLS, "wrong version number"), WRONG, "HTTPS port"),
        (met(Stop.CHAIN, "self-signed"), WRONG, "authority"),
        (met(Stop.NAMED, "mismatch"), WRONG, "looked for fleet.example"),
        (replace(met(Stop.CHAIN, "self-signed"), fleet="fxue"), WRONG, "does not prove fleet fxue"),
        (replace(met(Stop.NAMED, "mismatch"), fleet="fxue"), WRONG, "this device has the wrong card"),
        (met(Stop.DATES, "expired"), WRONG, "renewed"),
        (met(Stop.DATES, "not yet valid", datetime(1970, 1, 1, tzinfo=UTC)), WRONG, "this clock says 1970-01-01"),
        (met(Stop.STRANGER, "<html>"), WRONG, "log-in page"),
        (replace(met(Stop.UNPROVEN, "another fleet"), fleet="fxue"), WRONG, "does not prove fleet fxue"),
        (met(Stop.UNWELL, "503"), WRONG, "look at the server"),
    ],
    "registration": [
        (registration.Facts(URL, "pi-1", "2026-11-23", answers=True), OK, "pi-1"),
        (registration.Facts(URL, "pi-1", "2026-11-23"), OK, "pi-1"),
        (registration.Facts(URL, "pi-1", "2026-11-23", answers=False, said="status 401"), WARN, "status 401"),
        (registration.Facts(URL, "pi-1"), WRONG, "start pi-auto-client"),
        (registration.Facts(URL, "pi-1", answers=False, said="no network"), WRONG, "no network"),
        (
            registration.Facts(URL, "pi-1", answers=False, said="status 409: claimed"),
            WRONG,
            "removed at the server",
        ),
        (registration.Facts(URL, "pi-1", answers=True), WRONG, "wait a moment"),
        (registration.Facts(URL, "pi-1", verdict="it waits", remedy="approve it"), WRONG, "approve it"),
        (
            registration.Facts(URL, "pi-1", "2026-11-23", verdict="it is shut out", remedy="lift it"),
            WRONG,
            "lift it",
        ),
    ],
    "hub": [
        (known(connected=True), OK, "connected to hub.test port 8883"),
        (known(address=None), OK, "no IoT Hub"),
        (hub.Facts(registered=False), WRONG, "registration"),
        (known(address=None, no_way="the connection string is of another"), WRONG, "restart pi-auto-client"),
        (
            known(connected=False, blocked="no answer in time", said="x"),
            WRONG,
            "let TCP to hub.test port 8883 out",
        ),
        (known(connected=False, said="rejects this device"), WRONG, "rejects this device"),
        (known(), WARN, "start pi-auto-client"),
    ],
    "scanner": [
        (scanner.Facts(tells=True, scanners=("HR32 at /dev/input/event3",)), OK, "HR32"),
        (scanner.Facts(tells=False), WRONG, "start pi-auto-capture"),
        (scanner.Facts(tells=True), WRONG, "lsusb"),
        (scanner.Facts(tells=True, unjudged=("kbd",)), WARN, "scan any code"),
        (scanner.Facts(tells=True, persons=("kbd",)), WRONG, "person's keyboard"),
        (scanner.Facts(tells=True, troubles={"/dev/x": "cannot be opened (Permission denied)"}), WRONG, "repair"),
        (scanner.Facts(tells=True, in_another_mode=("MS7580 of Honeywell",)), WRONG, "USB keyboard"),
        (
            scanner.Facts(tells=True, mute={"DS9208 is set to SNAPI": "scan the code `HID"}),
            WRONG,
            "scan the code `HID",
        ),
        (
            scanner.Facts(tells=True, scanners=("HR32",), mute={"DS9208 is set to SNAPI": "scan the code"}),
            WARN,
            "but DS9208 is set to SNAPI",
        ),
        (scanner.Facts(tells=True, unknown=("FT232R (/dev/ttyUSB0)",)), WRONG, "configure --scanner"),
        (scanner.Facts(tells=True, scanners=("HR32",), troubles={"/dev/x": "gone"}), WARN, "/dev/x gone"),
    ],
    "permissions": [
        (
            permissions.Facts(((FOLDER, FOLDER),), (("pi-auto", SECRET),), (SECRET,), (CODE,), (NODE,)),
            OK,
            "belong",
        ),
        (permissions.Facts(((FOLDER, None),)), WRONG, "systemd-tmpfiles --create"),
        (permissions.Facts(((FOLDER, replace(FOLDER, mode=0o777)),)), WRONG, "chmod 2710"),
        (permissions.Facts(((FOLDER, replace(FOLDER, owner="root")),)), WRONG, "chown pi-auto:pi-auto-capture"),
        (permissions.Facts(secrets=(replace(SECRET, mode=0o644),)), WRONG, "chmod 0600"),
        (permissions.Facts(inside=(("pi-auto", replace(SECRET, owner="root")),)), WRONG, "belongs to root"),
        (permissions.Facts(code=(replace(CODE, mode=0o666),)), WRONG, "install it again"),
        (permissions.Facts(code=(replace(CODE, owner="pi"), replace(CODE, mode=0o666))), WRONG, "and 1 more"),
        (permissions.Facts(keyboards=(replace(NODE, group="input"),)), WRONG, "udevadm trigger"),
        (permissions.Facts(keyboards=(replace(NODE, mode=0o600),)), WRONG, "cannot be read by pi-auto-capture"),
    ],
    "signals": [
        (signals.Facts(), OK, "tells nothing"),
        (signals.Facts(is_well=True, said="shown by the LED ACT"), OK, "shown by the LED ACT"),
        (signals.Facts(is_well=False, said="GPIO 17 (stored): Permission denied"), WARN, "udevadm trigger"),
    ],
    "queue": [
        (
            queue.Facts((queue.Waiting("api", 0), queue.Waiting("hub", 3, 20.0))),
            OK,
            "none for the server, 3 for the",
        ),
        (queue.Facts((queue.Waiting("api", 3, 7200.0),)), WARN, "the oldest for 2 h"),
        (queue.Facts((queue.Waiting("api", 3, 90_000.0),)), WRONG, "they are kept"),
        (queue.Facts((queue.Waiting("api", 0),), aside=2), WARN, "2 records"),
        (queue.Facts(unreadable="is no database"), WRONG, "is no database"),
        (queue.Facts(not_storing="disk is full"), WRONG, "disk is full"),
    ],
    "update": [
        (update.Facts(registered=True), OK, "is the right one"),
        (update.Facts(registered=True, offered="2.0"), OK, "2.0 is offered"),
        (update.Facts(registered=True, trouble="no use", last="not asked"), WRONG, "no use"),
        (update.Facts(registered=False), WRONG, "registered"),
        (update.Facts(True, trusts=False), OK, "updates are off"),
        (update.Facts(True, trusts=False, has_card=True), WARN, "updates are off"),
        (update.Facts(True, gone_wrong="2.0 was rolled back: it hung"), WARN, "rolled back: it hung"),
    ],
    "disk": [
        (disk.Facts((disk.Disk("/var/lib", 900 * MIB, 90_000),)), OK, "900 MiB"),
        (disk.Facts((disk.Disk("/opt", 900 * MIB), disk.Disk("/var/log", 100 * MIB))), WARN, "/var/log"),
        (disk.Facts((disk.Disk("/opt", 900 * MIB), disk.Disk("/var/log", 1 * MIB))), WRONG, "/var/log is full"),
        (disk.Facts((disk.Disk("/", 900 * MIB, 9),)), WRONG, "9 inodes"),
        (disk.Facts((disk.Disk("/", 900 * MIB, 900),)), WARN, "filling up: 900 inodes"),
        (disk.Facts((disk.Disk("/", 900 * MIB, read_only=True),)), WRONG, "can only be read"),
    ],
    "clock": [
        (clock.Facts(NOW, synced=True, ahead=1.5), OK, "set by the network"),
        (clock.Facts(NOW, synced=True), OK, "2026-11-23 12:00"),
        (clock.Facts(datetime(1970, 1, 1, tzinfo=UTC), synced=False), WRONG, "1970-01-01"),
        (clock.Facts(NOW, synced=True, ahead=4000.0), WRONG, "4000 s behind"),
        (clock.Facts(NOW, synced=True, ahead=-4000.0), WRONG, "4000 s ahead of"),
        (clock.Facts(NOW, synced=True, ahead=60.0), WARN, "60 s behind"),
        (clock.Facts(NOW, synced=False), WARN, "set-ntp"),
        (clock.Facts(NOW, synced=False, by_fleet=True), OK, "as the fleet has signed"),
        (clock.Facts(NOW, synced=False, ahead=4000.0, by_fleet=True), WRONG, "4000 s behind"),
        (clock.Facts(NOW, synced=True, signed=NOW), OK, "set by the network"),
        (clock.Facts(NOW, synced=True, signed=NOW + timedelta(days=365)), WRONG, "pi-auto-clock"),
    ],
    "undervoltage": [
        (undervoltage.Facts(), OK, "no Raspberry Pi"),
        (undervoltage.Facts(now=False, since_boot=False), OK, "since the start"),
        (undervoltage.Facts(now=False), OK, "right"),
        (undervoltage.Facts(now=False, since_boot=True), WARN, "since the start"),
        (undervoltage.Facts(now=True, since_boot=True), WRONG, "power supply"),
    ],
    "temperature": [
        (temperature.Facts(), OK, "no thermometer"),
        (temperature.Facts(48.2), OK, "48 degrees"),
        (temperature.Facts(82.0), WARN, "82 degrees"),
        (temperature.Facts(86.0), WRONG, "give it air"),
        (temperature.Facts(61.0, slowed=True), WARN, "slows"),
        (temperature.Facts(48.0, was_slowed=True), WARN, "was too warm"),
    ],
    "watchdog": [
        (watchdog.Facts(), OK, "no hardware watchdog"),
        (
            watchdog.Facts((watchdog.Watchdog("bcm", armed=True), watchdog.Watchdog("soft", armed=False))),
            OK,
            "bcm",
        ),
        (watchdog.Facts((watchdog.Watchdog("bcm", armed=False),)), WARN, "daemon-reexec"),
        (watchdog.Facts((watchdog.Watchdog("bcm"),)), WARN, "does not tell"),
    ],
}
JUDGES = {
    "installation": installation.judge, "services": services.judge, "settings": settings.judge,
    "network": network.judge, "rfkill": rfkill.judge, "names": names.judge, "server": server.judge,
    "registration": registration.judge, "hub": hub.judge, "scanner": scanner.judge, "signals": signals.judge,
    "permissions": permissions.judge, "queue": queue.judge, "update": update.judge, "disk": disk.judge,
    "clock": clock.judge, "undervoltage": undervoltage.judge, "temperature": temperature.judge,
    "watchdog": watchdog.judge, "card": card.judge,
}  # fmt: skip


def cases() -> Iterator[Any]:
    for name, table in TABLES.items():
        for number, case in enumerate(table):
            yield pytest.param(name, *case, id=f"{name}-{number}")


@pytest.mark.parametrize(("name", "facts", "state", "words"), list(cases()))
def test_what_a_check_makes_of_its_facts(name: str, facts: Any, state: State, words: str) -> None:
    judge: Any = JUDGES[name]
    verdict = judge(facts)
    assert verdict.state is state
    assert words in f"{verdict.what}; {verdict.remedy}"
    assert bool(verdict.remedy) == (state is not OK), "what is not right has a remedy, and only that"


def test_every_check_has_its_table() -> None:
    assert [check.name for check in CHECKS] == list(TABLES)


def test_every_step_to_the_server_has_its_case() -> None:
    assert {facts.exchange.stop for facts, _, _ in TABLES["server"]} == set(Stop)
