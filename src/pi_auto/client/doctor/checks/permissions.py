"""Whether everything belongs to whom it was installed for: state, log, code, scanners."""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pi_auto.client.appliance.release import current
from pi_auto.client.doctor.findings import Verdict, ok, wrong
from pi_auto.client.doctor.patient import INSTALLED, Patient
from pi_auto.client.rights import AGENT, CAPTURE

_RULES = "/etc/tmpfiles.d/pi-auto-client.conf"
_STATE = "/var/lib/pi-auto-client"
_SECRETS = ("identity.json", "registration.json", "device_key.pem", "batch_token")
_PLUGGED = ("0003", "0005")  # USB and Bluetooth, as in udev's rule
_KEYS = (*range(2, 12), 28)  # digits and Enter: what a scanner of the keyboard type has
_WORD = 64 if os.uname().machine.endswith("64") else 32  # bits of a word in the kernel's bitmaps
_REPAIR = (
    "install it again, which puts this right and keeps scans, identity and settings: sudo ./install_pi_client.sh"
)
_APPLY = "sudo udevadm control --reload; sudo udevadm trigger --action=change --subsystem-match=input"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was installed, and what puts it right."""

    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A file or folder as it lies there; its owner and group by name where they have one."""

    path: str
    mode: int
    owner: str
    group: str

    @classmethod
    def at(cls, path: Path) -> Seen:
        """Look at it, and not at what a link leads to. Raises OSError."""
        status = path.lstat()
        return cls(str(path), stat.S_IMODE(status.st_mode), _user(status.st_uid), _group(status.st_gid))


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen, beside what was installed: (wanted, seen or None), then files by who must own them."""

    rules: tuple[tuple[Seen, Seen | None], ...] = ()
    inside: tuple[tuple[str, Seen], ...] = ()
    secrets: tuple[Seen, ...] = ()
    code: tuple[Seen, ...] = ()
    keyboards: tuple[Seen, ...] = ()


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Look at all of it; only the folders of an installed device are compared with its rules."""
    agent, capture = patient.settings.agent_folder, patient.settings.capture_folder
    return Facts(
        tuple(_ruled(patient)) if patient.is_appliance else (),
        tuple(_owned(CAPTURE, capture) + _owned(AGENT, agent)) if patient.is_appliance else (),
        tuple(_seen(agent / name for name in _SECRETS)),
        tuple(_code(patient)),
        tuple(_keyboards(patient)) if patient.is_appliance else (),
    )


def judge(facts: Facts) -> Verdict:
    """What that means: the first fault in full, the others by their number."""
    faults = [*_of_rules(facts), *_of_secrets(facts), *_of_owners(facts), *_of_code(facts), *_of_keyboards(facts)]
    if not faults:
        return ok("files, code and scanners belong to whom they were installed for")
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return wrong(f"{faults[0].what}{more}", faults[0].remedy)


def _of_rules(facts: Facts) -> Iterator[Fault]:
    for wanted, seen in facts.rules:
        if seen is None:
            yield Fault(f"{wanted.path} is missing", "sudo systemd-tmpfiles --create pi-auto-client.conf")
        elif (seen.mode, seen.owner, seen.group) != (wanted.mode, wanted.owner, wanted.group):
            owner, path = f"{wanted.owner}:{wanted.group}", shlex.quote(wanted.path)
            yield Fault(
                f"{wanted.path} is {seen.mode:04o} {seen.owner}:{seen.group}, not {wanted.mode:04o} {owner}",
                f"sudo chown {owner} {path} && sudo chmod {wanted.mode:04o} {path}",
            )


def _of_secrets(facts: Facts) -> Iterator[Fault]:
    for seen in facts.secrets:
        if seen.mode & 0o077:
            yield Fault(
                f"{seen.path} is secret, but others than its owner may read it ({seen.mode:04o})",
                f"sudo -u {AGENT} chmod 0600 {shlex.quote(seen.path)}",
            )


def _of_owners(facts: Facts) -> Iterator[Fault]:
    for owner, seen in facts.inside:
        if seen.owner != owner:
            yield Fault(
                f"{seen.path} belongs to {seen.owner}, and {owner} has to write it",
                f"sudo chown -h {owner}: {shlex.quote(seen.path)}",
            )


def _of_code(facts: Facts) -> Iterator[Fault]:
    for seen in facts.code:
        if seen.owner != "root" or seen.mode & 0o022:
            yield Fault(f"{seen.path} can be changed by others than root ({seen.mode:04o} {seen.owner})", _REPAIR)


def _of_keyboards(facts: Facts) -> Iterator[Fault]:
    for seen in facts.keyboards:
        if seen.group != CAPTURE or not seen.mode & 0o040:
            yield Fault(
                f"{seen.path} cannot be read by {CAPTURE} ({seen.mode:04o} {seen.owner}:{seen.group})", _APPLY
            )


def _ruled(patient: Patient) -> Iterator[tuple[Seen, Seen | None]]:
    """What tmpfiles.d rules, beside what is there."""
    for line in patient.at(_RULES).read_text(errors="replace").splitlines():
        words = line.split()
        if len(words) >= 5 and words[0] in {"d", "f"}:
            wanted = Seen(words[1], int(words[2], 8), words[3], words[4])
            try:
                yield wanted, Seen.at(patient.at(words[1]))
            except FileNotFoundError:
                yield wanted, None


def _owned(owner: str, folder: Path) -> list[tuple[str, Seen]]:
    """What lies in a folder, all of which has to be `owner`'s."""
    return [(owner, seen) for seen in _seen(sorted(folder.iterdir()) if folder.exists() else ())]


def _seen(paths: Iterable[Path]) -> Iterator[Seen]:
    """Those that are there; some come and go."""
    for path in paths:
        with suppress(FileNotFoundError):
            yield Seen.at(path)


def _code(patient: Patient) -> Iterator[Seen]:
    opt = patient.at(INSTALLED)
    release = current(opt)
    if release is None:
        return
    command = patient.at("/usr/local/bin/pi-auto-client")
    yield from _seen((opt, opt / "releases", release, command, *sorted(release.rglob("*"))))


def _keyboards(patient: Patient) -> Iterator[Seen]:
    """The event nodes that udev's rule gives to capture."""
    for folder in sorted(patient.at("/sys/class/input").glob("event*")):
        try:
            bus = (folder / "device/id/bustype").read_text().strip()
            keys = _bits((folder / "device/capabilities/key").read_text())
            if bus in _PLUGGED and all(keys >> key & 1 for key in _KEYS):
                yield Seen.at(patient.at("/dev/input") / folder.name)
        except OSError:  # being unplugged just now
            continue


def _bits(words: str) -> int:
    bits = 0
    for word in words.split():
        bits = bits << _WORD | int(word, 16)
    return bits


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
