"""Whether the settings file can be used, names a server, and is what the services run with."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

from pi_auto.client.doctor.findings import Verdict, ok, warn, wrong
from pi_auto.client.doctor.patient import Patient
from pi_auto.client.last_good import COPY
from pi_auto.client.settings import Settings

_MOST = 64 * 1024  # bytes
_SET = "sudo pi-auto-client configure --server https://fleet.example:5443"


@dataclass(frozen=True, slots=True)
class Facts:
    """`trouble` with `file`, if any; the names in it that mean nothing; whether it has changed since the start."""

    file: Path
    server_url: str = ""
    trouble: str = ""
    unknown: tuple[str, ...] = ()
    is_news: bool = False
    has_card: bool = False


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Read the file, and the copy that the agent made of it when it started."""
    written = None if patient.trouble else _content(patient.file)  # which may be the trouble
    used = None
    with suppress(PermissionError):  # without sudo the rest can still be told
        used = _content(patient.settings.agent_folder / COPY)
    return Facts(
        file=patient.file,
        server_url=patient.settings.server_url,
        trouble=patient.trouble,
        unknown=tuple(_unknown(written or b"{}")),
        is_news=None not in (written, used) and written != used,
        has_card=patient.card() is not None or _is_there(patient.settings.fleet_card),
    )


def judge(facts: Facts) -> Verdict:
    """What that means."""
    if facts.trouble:
        goes_on = "; what last worked is used" if facts.server_url or facts.has_card else ""
        return wrong(
            f"{facts.trouble}{goes_on}", f"mend it in an editor, or remove {facts.file} and write it anew: {_SET}"
        )
    if not facts.server_url and not facts.has_card:
        return wrong(f"{facts.file} names no server", _SET)
    if facts.unknown:
        names = ", ".join(facts.unknown)
        return warn(f"{facts.file} holds settings that do not exist: {names}", "look for a slip; they are ignored")
    if facts.is_news:
        return warn(
            f"{facts.file} was changed after the agent had started",
            "have it used: sudo systemctl restart pi-auto-client pi-auto-capture",
        )
    return ok(f"{facts.file} names the server {facts.server_url or 'by its fleet card'}")


def _content(file: Path) -> bytes | None:
    try:
        with file.open("rb") as opened:
            return opened.read(_MOST)
    except FileNotFoundError:
        return None


def _is_there(card: Path) -> bool:
    try:
        return card.exists()
    except OSError:  # its folder is not for this user: the check `card` says so
        return True


def _unknown(written: bytes) -> list[str]:
    known = {field.name for field in fields(Settings)}
    with suppress(ValueError, RecursionError):
        return sorted(str(name)[:80] for name in set(json.loads(written)) - known)
    return []
