"""What a device reads of its network, and of its own files after a bad day: nothing is raised, nothing lost."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import shutil
import tempfile
import zipfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from fuzz.target import Target, as_json, hold, seed, unless
from pi_auto.client.agent.network import netlink
from pi_auto.client.agent.network.announcements import SERVICE, Announcements
from pi_auto.client.agent.network.dns_message import AAAA, PTR, SRV, TXT, A, question, records_in
from pi_auto.client.agent.network.keeping import FILE as HOME
from pi_auto.client.agent.network.keeping import kept_address
from pi_auto.client.agent.update.ledger import FILE as AGENTS_LEDGER
from pi_auto.client.agent.update.ledger import Ledger as AgentsLedger
from pi_auto.client.agent.update.ledger import latest
from pi_auto.client.agent.update.reuse import Odd, _gaps, _known
from pi_auto.client.agent.update.told import told_in
from pi_auto.client.appliance import release, wifi
from pi_auto.client.appliance.errors import SetupFailed
from pi_auto.client.bulletin import FILE as BULLETIN
from pi_auto.client.bulletin import posts_of
from pi_auto.client.capture.learning.knowledge import Knowledge
from pi_auto.client.capture.learning.learned import FILE as LEARNED
from pi_auto.client.capture.learning.told import LAST_WORD
from pi_auto.client.clock import boot_id
from pi_auto.client.clockfloor.floor import told_floor
from pi_auto.client.clockfloor.proven import NotProven, claimed
from pi_auto.client.doctor.bundle.redaction import Redactor
from pi_auto.client.endpoint import Endpoint
from pi_auto.client.last_good import load_or_last_good
from pi_auto.client.proxy import Proxy
from pi_auto.client.scanner_settings import FILE as SCANNER_SETTINGS
from pi_auto.client.settings import Settings, SettingsError
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.client.spool.writer import Spool
from pi_auto.client.switcher import telling
from pi_auto.client.switcher.errors import Refused
from pi_auto.client.switcher.ledger import FILE as LEDGER
from pi_auto.client.switcher.ledger import ledger_in
from pi_auto.client.switcher.taking import _request
from pi_auto.wire.errors import FieldError
from pi_auto.zips import DAMAGED
from support.records import stamp
from support.spools import draft


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz-client-"))


def _quiet() -> None:
    logging.disable(logging.CRITICAL)


def dns(octets: bytes) -> None:
    """Datagrams of mDNS, one behind the other: each yields records or none, and a search ends."""
    heard = Announcements("fxueatbdjpwi3c")
    pieces = octets.split(b"\xf0\xf1\xf2")
    for each in pieces:
        heard.hear(records_in(each))
        asked = heard.missing()
        if asked:
            question(asked)
        for server in heard.servers():
            hold(type(server).from_json(server.to_json()) == server, "a server of no address", server)


def _dns(*records: tuple[bytes, int, bytes]) -> bytes:
    body = b"".join(
        name + kind.to_bytes(2, "big") + b"\x80\x01\0\0\0\x78" + len(data).to_bytes(2, "big") + data
        for name, kind, data in records
    )
    return b"\0\0\x84\0\0\0" + len(records).to_bytes(2, "big") + bytes(4) + body


def _name(labels: tuple[bytes, ...]) -> bytes:
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


_INSTANCE = _name((b"x", *SERVICE))
_ANNOUNCED = _dns(
    (_name(SERVICE), PTR, _INSTANCE),
    (_INSTANCE, TXT, b"\x14fleet=fxueatbdjpwi3c"),
    (_INSTANCE, SRV, bytes(4) + (5443).to_bytes(2, "big") + _name((b"h", b"local"))),
    (_name((b"h", b"local")), A, bytes((192, 168, 1, 2))),
    (_name((b"h", b"local")), AAAA, bytes(15) + b"\2"),
)


def kernel(octets: bytes) -> None:
    """Netlink's messages."""
    for each in netlink.addresses_in(octets):
        hold(0 <= each.bits <= each.address.max_prefixlen, "an address of too many bits", each)
    netlink.routes_in(octets)


def settings(octets: bytes) -> None:
    """A settings file that is damaged is refused by name, and what last worked goes on working."""
    _quiet()
    folder = _folder() / "settings"
    folder.mkdir(exist_ok=True)
    file, state = folder / "pi_auto_client.json", folder / "state"
    given = {"state": str(state)}
    file.write_bytes(b'{"server_url": "https://good:1", "log_level": "ERROR"}')
    good = load_or_last_good(file, given, "agent")
    file.write_bytes(octets)
    now = load_or_last_good(file, given, "agent")
    read = unless(SettingsError)(Settings.load, file, given)
    hold(now == (read or good), "neither what is written nor what last worked", now)
    again = load_or_last_good(file, given, "agent")
    hold(again == now, "read again it is another", again)
    if read and read.server_url:
        endpoint = read.endpoint()
        hold(0 < endpoint.dialled[1] < 65536 and endpoint.dialled[0], "an endpoint of no address", endpoint)


def url(octets: bytes) -> None:
    """Addresses as people type them."""
    text = octets.decode("utf-8", "replace")
    for read in (lambda: Endpoint.of(text), lambda: Endpoint.of("https://a", text)):
        found = unless(FieldError)(read)
        hold(
            not found or (0 < found.dialled[1] < 65536 and found.dialled[0] and "\n" not in found.host),
            "no address",
            found,
        )
    proxy = unless(FieldError)(Proxy.of, text)
    hold(not proxy or Proxy.of(str(proxy)) == proxy, "another proxy", text, proxy)


_SECRET = "hunter2-psk"


def wifis(octets: bytes) -> None:
    """Files with networks in them: what is left has no Wi-Fi, and stays the same when asked again."""
    text = octets.decode("utf-8", "surrogateescape")
    for without in (wifi.without_wifis, wifi.without_networks, wifi.without_keys):
        left = without(text)
        hold(without(left) == left, "asked again more goes", without.__name__, text, left)
        hold(set(left.split("\n")) <= {*text.split("\n"), ""}, "something was added", text, left)
    hold("wifis" not in wifi.without_wifis(text), "a Wi-Fi is left", text)
    left = wifi.without_networks(text)
    hold(not re.search(r"(?m)^[ \t]*network[ \t]*=[ \t]*\{", left), "a network is left", text, left)
    hold(not re.search(r"(?m)^[ \t#]*wpa[-_]psk", wifi.without_keys(text)), "a key is left", text)
    wifi.is_profile(text)
    if not any(_plainly(each) == "}" for each in text.split("\n")):  # where wpa_supplicant would not end it either
        held = f'network={{{text}\n\tpsk="{_SECRET}"\n}}\ncountry=DE\n'
        hold(_SECRET not in wifi.without_networks(held), "a password is left", held)
    held = f"iface wlan0 inet dhcp\n{text.replace(chr(10), '')}wpa-psk {_SECRET}\n"
    if re.match(r"[\s#]*\Z", text.replace("\n", "")):
        hold(_SECRET not in wifi.without_keys(held), "a password is left", held)


def _plainly(line: str) -> str:
    """A line as wpa_supplicant reads it: without a comment that no quotes are around, and without blanks."""
    quoted = False
    for at, char in enumerate(line):
        quoted ^= char == '"'
        if char == "#" and not quoted:
            line = line[:at]
            break
    return line.strip(" \t\r")


def files(octets: bytes) -> None:
    """Files of the device that the disk has put rubbish into: read as far as can be, and written anew."""
    _quiet()
    folder = _folder() / "files"
    for name in (
        f"agent/{AGENTS_LEDGER}",
        "update-told/told.json",
        f"own/{LEDGER}",
        f"agent/{HOME}",
        "clock/floor.json",
    ):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(octets)
        file.chmod(0o600)
    owner = os.getuid()
    told_in(folder)
    latest(folder)
    ledger = AgentsLedger(folder)
    ledger.untold()
    ledger.say("refused", "0" * 64, "1.0", "no")
    hold(ledger.untold() is not None, "what was said is not told")
    hold(AgentsLedger(folder).untold() is not None, "what was said is not kept")
    own = ledger_in(folder / "own", "fxueatbdjpwi3c", owner)
    own.committed("0" * 64, 3, "r").blamed("1" * 64, "bad").fallen("2" * 64, "t").keep(folder / "own")
    again = ledger_in(folder / "own", "fxueatbdjpwi3c", owner)
    hold(again.floor >= 3 and "1" * 64 in again.never, "what was noted is lost", octets, again)
    telling.tell(folder / "update-told", "0" * 64, "1.0", "committed", owner=owner)
    steps = telling.told_in(folder / "update-told", owner)
    hold(steps and steps[-1]["update_id"] == "0" * 64, "what was told is lost", octets)
    hold(any(step.update_id == "0" * 64 for step in told_in(folder)), "the agent cannot read it", octets, steps)
    kept_address(folder / "agent")
    told_floor(folder / "clock", owner)


def bulletin(octets: bytes) -> None:
    """What a program of the device tells, which may be hostile."""
    text = octets.replace(b"BOOT", boot_id().encode()).replace(b"PID", str(os.getpid()).encode())
    for post in posts_of(text).values():
        post.since.isoformat()


def told(octets: bytes) -> None:
    """What capture reads of a hostile agent, and of its own files on a bad disk: it looks, and goes on."""
    _quiet()
    folder = _folder() / "told"
    (folder / "agent").mkdir(parents=True, exist_ok=True)
    text = octets.replace(b"BOOT", boot_id().encode()).replace(b"PID", str(os.getpid()).encode())
    (folder / "agent" / BULLETIN).write_bytes(text)
    for name in (SCANNER_SETTINGS, LAST_WORD, LEARNED):
        (folder / name).write_bytes(octets.partition(b"\n")[2])
    for _ in range(2):
        said: list[str] = []
        knowledge = Knowledge(folder, folder / "agent", said.append)
        knowledge.look()
        for name in ("usb-a-1", "a", ""):
            knowledge.standing(name)
            knowledge.tuning(name)
            knowledge.calibrated(name, "de")
        hold(all("\n" not in each for each in said), "a line of its own", said)


def proof(octets: bytes) -> None:
    """A proof of the fleet, and what was handed over to root: read or refused."""
    unless(NotProven)(claimed, octets)
    unless(Refused)(_request, octets)


def archive(octets: bytes) -> None:
    """An archive of a release: refused by a sentence, or unpacked below its folder and nowhere else."""
    folder = _folder() / "archive"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    file = folder / "archive"
    file.write_bytes(octets)
    running = folder / "running"
    running.mkdir()
    version = unless(SetupFailed)(release.version_of, file)
    members = unless(SetupFailed, OSError)(lambda: list(release._members(file)))
    for name, content, mode in members or ():
        hold(
            not Path(name).is_absolute() and ".." not in Path(name).parts and mode in (0o644, 0o755),
            "it leads out",
            name,
        )
        hold(len(content) <= 1 << 26, "too large", name)
    if version:
        hold("/" not in version and not version.startswith("."), "a folder of another name", version)
    with (
        file.open("r+b") as opened,
        suppress(Odd, OSError, *DAMAGED),
    ):  # as `assemble` does
        for start, end in _gaps(_known(opened, len(octets), running), len(octets), opened):
            hold(0 <= start < end <= len(octets), "a gap beyond it", start, end)


def _zip(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        for name in names:
            opened.writestr(zipfile.ZipInfo(name), "1.0")
    return packed.getvalue()


def redaction(octets: bytes) -> None:
    """What leaves the device: its secrets are not in it, whatever stands around them."""
    text = octets.decode("utf-8", "replace")
    around = f"{text}{_SECRET}{text[::-1]}"
    for with_barcodes in (True, False):
        redactor = Redactor([_SECRET], with_barcodes=with_barcodes)
        hold(_SECRET not in redactor.text(around), "a secret leaves the device", around)
        hold(
            _SECRET not in json.dumps(redactor.value({text: around, "a": [around, {around: 1}]})),
            "a secret leaves",
            around,
        )
    value: Any = as_json(octets)
    Redactor([], with_barcodes=False).value(value)


def spool(octets: bytes) -> None:
    """A spool with damage in it opens, again as well, takes scans, and gives those back."""
    _quiet()
    folder = _folder() / "spool"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(_pristine(), folder)
    damaged = folder / "spool.sqlite"
    content = bytearray(damaged.read_bytes())
    for at in range(0, len(octets) - 3, 4):
        place = (octets[at] << 8 | octets[at + 1]) % len(content)
        if octets[at + 2] & 1:
            content[place] = octets[at + 3]
        elif octets[at + 2] & 2:
            content[place : place + octets[at + 3]] = bytes(min(octets[at + 3], len(content) - place))
        else:
            del content[len(content) - octets[at + 3] * 16 :]
            if not content:
                break
    damaged.write_bytes(bytes(content))
    before = set(_uuids())
    for _ in range(2):
        opened = Spool.open(folder, stamp)
        new = draft("after")
        opened.append([new])
        opened.close()
        with SpoolReader(folder) as reader:
            rows = reader.read(0, 1000)
        found = {getattr(row, "uuid", None) for row in rows}
        hold(new.uuid in found, "a new scan is lost")
        before.add(new.uuid)


@cache
def _pristine() -> Path:
    folder = _folder() / "pristine"
    folder.mkdir()
    opened = Spool.open(folder, stamp)
    for number in range(12):
        opened.append([draft(f"code {number}")])
    opened.close()
    return folder


@cache
def _uuids() -> tuple[str, ...]:
    with SpoolReader(_pristine()) as reader:
        return tuple(getattr(row, "uuid", "") for row in reader.read(0, 1000))


_STEP = {
    "step": "committed",
    "update_id": "0" * 64,
    "version": "1",
    "time": "2026-11-23T17:33:00.000Z",
    "number": 1,
}
TARGETS = (
    Target(
        "client.dns",
        dns,
        (_ANNOUNCED, _ANNOUNCED + b"\xf0\xf1\xf2" + _ANNOUNCED, _dns((b"\1a\xc0\x0c", PTR, b"\xc0\x0c"))),
        500,
        (b"\xc0\x0c", b"\xf0\xf1\xf2"),
    ),
    Target(
        "client.netlink",
        kernel,
        (
            bytes.fromhex(
                "28000000140002000000000000000000 02188000 02000000 08000100 c0a80102 08000200 c0a80102".replace(
                    " ", ""
                )
            ),
            bytes.fromhex(
                "24000000180002000000000000000000 02180000 fe000001 00000000 08000400 02000000".replace(" ", "")
            ),
        ),
        200,
    ),
    Target(
        "client.settings",
        settings,
        (
            seed(
                {
                    "server_url": "https://a.b:5443",
                    "signal_gpio": {"sent": 17},
                    "proxy": "http://p:3128",
                    "update_interval": 60,
                    "device_id": "pi-1",
                    "server_address": "1.2.3.4:5",
                    "server_ca": "/x",
                    "led": "off",
                }
            ),
        ),
        400,
    ),
    Target(
        "client.url",
        url,
        (b"https://[::1]:5443/", b"http://host:80", b"http://proxy:3128"),
        80,
        (b"://", b"[", b"]:", b"@", b"%25eth0"),
    ),
    Target(
        "client.wifis",
        wifis,
        (
            b"network:\n  ethernets:\n    eth0:\n      dhcp4: true\n  wifis:\n    a:\n      password: hunter2\n",
            b'country=DE\nnetwork={\n  ssid="a"\n  psk="hunter2-psk"\n}\nap_scan=1\n',
            b"auto wlan0\niface wlan0 inet dhcp\n  wpa-psk hunter2-psk\n  wpa-ssid a\\\n b\n",
            b"[connection]\ntype=wifi\n[wifi]\nssid=a\n",
        ),
        300,
        (b"wifis:", b"network={", b"wpa-psk", b"\\\n", b"\n#", b"\r", b"{wifis: {}}", b'"wifis"'),
    ),
    Target(
        "client.files",
        files,
        (
            seed(
                {"steps": [_STEP], "number": 1, "own": [_STEP], "said": [_STEP], "authority": "", "settled": False}
            ),
            seed(
                {
                    "fleet": "fxueatbdjpwi3c",
                    "floor": 2,
                    "authority": 0,
                    "digest": "",
                    "release": "",
                    "never": {"a": "b"},
                    "fell": {},
                }
            ),
            seed({"host": "a", "port": 1}),
            seed({"time": "2026-11-23T17:33:00.000Z", "fleet_id": "fxueatbdjpwi3c"}),
        ),
        600,
    ),
    Target(
        "client.bulletin",
        bulletin,
        (b'{"boot": "BOOT", "pid": PID, "posts": {"hub": {"since": 5, "news": {"ok": true}}}}',),
        200,
        (b"BOOT", b"PID"),
    ),
    Target(
        "client.told",
        told,
        (
            b'{"boot": "BOOT", "pid": PID, "posts": {"wanted": {"since": 5, "news": {"scanners": {}}}}}\n{}',
            b'{}\n{"scanners": {"a": {"kind": "scanner", "layout": "de"}}}',
            b'{}\n{"scanners": {"usb-a-1": {"kind": "scanner", "layout": "fr", "codes": 3, "gap_ns": 5}}}',
        ),
        400,
        (b"BOOT", b"PID", b"scanners", b"wanted", b"layout", b"usb-a-1"),
    ),
    Target(
        "client.proof",
        proof,
        (
            seed(
                {
                    "payloadType": "application/vnd.pi-auto.fleet-proof.v1+json",
                    "payload": "eyJmbGVldF9pZCI6ICJhIn0=",
                    "signatures": [{"keyid": "0" * 64, "sig": "MEUCIQ=="}],
                }
            ),
            seed({"target": "client/1/pi_auto_client.py", "update_id": "0" * 64, "version": "1"}),
        ),
        500,
    ),
    Target(
        "client.archive",
        archive,
        (_zip("appliance/version"), b"#!/usr/bin/env python3\n" + _zip("appliance/version", "pi_auto/a.py")),
        600,
        (b"PK\3\4", b"PK\1\2", b"PK\5\6", b"../", b"appliance/version"),
    ),
    Target(
        "client.redaction",
        redaction,
        (
            b'{"token": "x", "text": "4006", "a": "WIFI:T:WPA"}',
            b"://u:p@h SharedAccessKey=abc -----BEGIN X-----\nAAAA\n",
            b"password = a b",
        ),
        300,
        (b"hunter2", b"-psk", b"-----BEGIN A-----", b"-----END A-----", b"text=", b"WIFI:", b"sig="),
    ),
    Target("client.spool", spool, (b"\x10\0\1\xff", b"\0\x20\3\x40", b"\x30\0\0\5"), 60),
)
