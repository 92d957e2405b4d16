"""What `pi-auto-server device` does: asks the hub beside the running server, and waits for what a device sends."""

from __future__ import annotations

import os
import shutil
import sys
import time
import uuid
from pathlib import Path
from typing import Any, Protocol

from pi_auto.server.calls.bundles import Bundle, Bundles
from pi_auto.server.calls.calling import Hub, audited, call_method, now_utc
from pi_auto.server.calls.naming import UnknownDevice, meant
from pi_auto.server.calls.outcomes import DONE, GOOD, of_bundle, sentence
from pi_auto.server.calls.reaching import known_devices, require_single
from pi_auto.server.calls.trail import Call, Ending, Trail
from pi_auto.server.calls.who import who
from pi_auto.server.errors import CommandFailed
from pi_auto.wire.methods import DIAGNOSTICS

_LOOK_EVERY = 0.2  # seconds


class Wishes(Protocol):
    """As much of a Link as setting something needs."""

    def patch_desired(self, device_id: str, patch: dict[str, Any]) -> None:
        """Merge a patch into the device's desired properties. Raises HubUnavailable or HubRefused."""
        ...


def find_device(data: Path, name: str) -> str:
    """The id of the device that is meant. Raises CommandFailed."""
    try:
        return meant(name, known_devices(data))
    except UnknownDevice as error:
        raise CommandFailed(str(error)) from error


def ask(hub: Hub, data: Path, device_id: str, method: str, payload: dict[str, Any], timeout: float) -> str:
    """Call a method; the sentence of a good outcome. Raises CommandFailed with that of any other."""
    require_single(data, device_id)
    call = Call(str(uuid.uuid4()), who(), method, device_id, payload)
    return _told(call, call_method(hub, Trail.open(data), call, timeout))


def set_desired(hub: Wishes, data: Path, device_id: str, action: str, patch: dict[str, Any]) -> None:
    """Merge a patch into what a device is to be, audited as `action`. Raises CommandFailed."""
    require_single(data, device_id)

    def wish() -> Ending:
        hub.patch_desired(device_id, patch)
        return Ending(DONE)

    ending = audited(Trail.open(data), Call(str(uuid.uuid4()), who(), action, device_id, patch), wish)
    if ending.outcome != DONE:
        raise CommandFailed(ending.said)


def fetch_bundle(
    hub: Hub, data: Path, device_id: str, payload: dict[str, Any], timeout: float, wait: float, save: Path | None
) -> str:
    """Ask for the bundle, wait for it, save it. The request's id is the call's: so the server finds it."""
    require_single(data, device_id)
    call = Call(payload["request"], who(), DIAGNOSTICS, device_id, payload)
    trail, bundles = Trail.open(data), Bundles(data)
    answered = call_method(hub, trail, call, timeout)
    if answered.outcome != DONE:
        _told(call, answered)
    bundle = _wait(bundles, call, wait)
    ending = of_bundle(bundle.octets if bundle else None, wait)
    noted = trail.find(call.call)
    if bundle is None or noted is None or noted.ending != ending:  # the server notes it as well, a moment later
        trail.note_ending(call, ending, now_utc())
    said = _told(call, ending)
    assert bundle  # noqa: S101 - for the type checker: an ending that is good has one
    if save is None:
        return f"{said}, in {bundle.path}"
    _copy(bundle.path, save)
    return f"{said}, saved as {save}"


def list_bundles(data: Path, device_id: str) -> str:
    """The bundles that a device has sent, the newest first."""
    found = Bundles(data).all(device_id)
    lines = [f"{each.received_at:%Y-%m-%d %H:%M:%S} UTC  {each.octets:>9,} bytes  {each.path}" for each in found]
    return "\n".join(lines) or f"{device_id} has sent no bundle, or longer than 30 days ago"


def _told(call: Call, ending: Ending) -> str:
    said = sentence(call.device_id, call.action, ending)
    if ending.outcome not in GOOD:
        raise CommandFailed(said)
    return said


def _wait(bundles: Bundles, call: Call, wait: float) -> Bundle | None:
    deadline, told = time.monotonic() + wait, ""
    while True:
        bundle = bundles.find(call.device_id, call.call)
        if bundle or time.monotonic() >= deadline:
            if sys.stderr.isatty():
                print(file=sys.stderr)
            return bundle
        told = _say_progress(bundles.arriving(call.device_id, call.call), deadline - time.monotonic(), told)
        time.sleep(_LOOK_EVERY)


def _say_progress(octets: int, left: float, told: str) -> str:
    """On a terminal each second, elsewhere when there is news; what was said."""
    news = f"{octets // 1024:,} KiB have come" if octets else "the device makes its bundle"
    if sys.stderr.isatty():
        print(f"\r\x1b[K{news}; waiting {left:.0f} s more", end="", file=sys.stderr, flush=True)
    elif not told:
        print(f"{news}; waiting {left:.0f} s", file=sys.stderr, flush=True)
    return news


def _copy(bundle: Path, to: Path) -> None:
    """To a new file that its owner alone can read; what was there stays."""
    try:
        descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file, bundle.open("rb") as source:
            shutil.copyfileobj(source, file)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise CommandFailed(f"{to} cannot be written: {error.strerror}; the bundle is {bundle}") from error
