"""The process that fetches: it verifies, makes room, downloads and hands over, and tells of it line by line.

    pi-auto-client update-fetch     the job comes as a line of standard input; it ends when that closes

Started by the agent for one update, so that python-tuf's memory is given back. It decides nothing: what to fetch
is in the job, and what is to be believed is in the update root.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pi_auto.client import lifeline
from pi_auto.client.agent.errors import ApiError, Refused, Unauthorized
from pi_auto.client.agent.update import job as words
from pi_auto.client.agent.update.channel import Channel, Pace
from pi_auto.client.agent.update.download import Wanted, download
from pi_auto.client.agent.update.job import MOST_JOB, Job, News
from pi_auto.client.agent.update.ready import clear_away, hand_over
from pi_auto.client.agent.update.reuse import Odd, assemble
from pi_auto.client.agent.update.target import Target
from pi_auto.client.agent.update.trouble import NoRoom, Passing, Useless, Wrong
from pi_auto.client.agent.update.trust import running_release
from pi_auto.client.alone import hold_alone
from pi_auto.version import __version__
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fleet_card import MOST_CARD, FleetCard
from pi_auto.wire.release import AUTHORITY_TARGET, MOST_ARCHIVE, Release
from pi_auto.wire.update import Offer

if TYPE_CHECKING:
    from pi_auto.client.agent.update.metadata import SignedWorld

_MEMORY = 256 * 1024 * 1024  # bytes of address space; it takes some 40 MB
_RESERVE = 32 * 1024 * 1024  # bytes of the disk that stay free: scans come first
_YIELDING = 10
_USAGE_ERROR = 2
Tell = Callable[[News], None]


def run_fetcher(running: Path | None = None) -> int:
    """Do the job on standard input; the exit code, 0 if what was wanted lies ready."""
    line = _first_line()
    if not line.startswith(b"{"):
        print(
            "pi-auto-client update-fetch: is started by the agent, which gives it a job, not by hand",
            file=sys.stderr,
        )
        return _USAGE_ERROR
    job = Job.from_line(line)
    lifeline.hold()
    _bound()
    try:
        Fetch(job, _tell, running or running_release()).run()
    except (ApiError, Wrong, OSError, MemoryError) as error:
        _tell(_failure(error))
        return 1
    return 0


class Fetch:
    """One job; `tell` is told what becomes of it, `running` is the folder of the release that runs."""

    def __init__(self, job: Job, tell: Tell, running: Path) -> None:
        self._job, self._tell, self._running = job, tell, running
        self._channel = Channel(job.endpoint, job.token, pace=Pace(job.bandwidth))
        self._metadata = job.folder / "metadata"
        self._percent = -1

    def run(self) -> None:
        """Do it. Raises ApiError, Wrong and OSError."""
        from pi_auto.client.agent.update.metadata import SignedWorld  # noqa: PLC0415 - in this process alone

        self._job.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        alone = hold_alone(self._job.folder / "fetch.lock")
        try:
            world = SignedWorld(self._metadata, self._channel, self._job.root.encode())
            world.refresh()
            self._take(world, world.target(self._job.offer.target if self._job.offer else AUTHORITY_TARGET))
        finally:
            self._channel.close()
            os.close(alone)

    def _take(self, world: SignedWorld, target: Target) -> None:
        update_id = target.sha256
        unpacked = check_offer(self._job.offer, target) if self._job.offer else 0
        if not self._job.offer:
            _check_authority(self._job.authority, target)
        file = self._job.folder / update_id
        self._clear(update_id)
        self._make_sure_of_room(target.length, unpacked)
        self._fetch(Wanted(f"/api/ota/download_update?update_id={update_id}", target.length, target.check), file)
        self._tell(News(words.VERIFIED, update_id, fetched=self._channel.received))
        if not self._job.offer and self._is_no_news(file):
            file.unlink()
            return
        version = self._job.offer.latest_version if self._job.offer else __version__
        request = {"target": target.path, "update_id": update_id, "version": version}
        hand_over(self._job.folder, file, world.files_for_one_who_believes(self._job.believed), request)
        self._tell(News(words.READY, update_id, fetched=self._channel.received))

    def _fetch(self, wanted: Wanted, file: Path) -> None:
        def told(held: int) -> None:
            percent = 100 * held // wanted.size
            if percent >= self._percent + 5 or self._percent < 0:
                self._percent = percent
                self._tell(News(words.DOWNLOADING, percent=percent))

        told(0)
        if self._job.offer and not file.with_name(f"{file.name}.part").exists():
            with suppress(Odd, Wrong):
                assemble(self._channel, wanted, self._running, file, told)
                return
        download(self._channel, wanted, file, told)

    def _clear(self, update_id: str) -> None:
        """Of what was fetched before, only this one's beginning is of use."""
        clear_away(self._job.folder)
        for path in self._job.folder.iterdir():
            if path.is_file() and path.name not in ("ledger.json", "fetch.lock", f"{update_id}.part"):
                path.unlink()

    def _make_sure_of_room(self, size: int, unpacked: int) -> None:
        """For the archive, the switcher's copy, the release unpacked and compiled, and scans meanwhile."""
        disk = os.statvfs(self._job.folder)
        free, needed = disk.f_bavail * disk.f_frsize, 2 * size + 2 * unpacked + _RESERVE
        if free < needed:
            raise NoRoom(f"the disk has {free // 2**20} MiB free, and an update needs {needed // 2**20 + 1} MiB")

    def _is_no_news(self, file: Path) -> bool:
        """Whether the authority says just what the device's card says. Raises Useless if it says nothing."""
        try:
            card = FleetCard.parse(file.read_bytes())
        except FieldError as error:
            raise Useless(f"{AUTHORITY_TARGET} is no fleet card: {error}") from None
        return card.to_json() == {
            name: value for name, value in (self._job.card or {}).items() if name != "batch_token"
        }


def _check_authority(named: str | None, target: Target) -> None:
    """Whether it is the one that the server names, of a size that can be. Raises Wrong."""
    if target.sha256 != named:
        raise Passing(f"the server names an authority {named}, and {target.sha256} is signed")
    if not 0 < target.length <= MOST_CARD:
        raise Useless(f"{AUTHORITY_TARGET} is signed with {target.length} bytes; allowed: {MOST_CARD}")


def check_offer(offer: Offer, target: Target) -> int:
    """Whether the server offers just what is signed; bytes of the release unpacked. Raises Wrong."""
    try:
        release = Release.from_json(target.custom)
    except FieldError as error:
        raise Wrong(f"what is signed about {target.path} is wrong: {error}") from None
    signed = {
        "size": (offer.update_size, target.length),
        "hash": (offer.file_hash, target.sha256),
        "id": (offer.update_id, target.sha256),
        "version": (offer.latest_version, release.version),
        "target": (offer.target, release.target),
        "counter": (offer.counter, release.counter),
    }
    for name, (offered, right) in signed.items():
        if offered != right:
            raise Wrong(f"the server offers an update of the {name} {offered}, and signed is {right}")
    if target.length > MOST_ARCHIVE:
        raise Wrong(f"a release of {target.length} bytes; allowed: {MOST_ARCHIVE}")
    return release.unpacked


def _first_line() -> bytes:
    """Read no further: what comes after it is for the lifeline."""
    line = b""
    while not line.endswith(b"\n") and len(line) <= MOST_JOB and (octets := os.read(sys.stdin.fileno(), 65536)):
        line += octets
    return line


def _bound() -> None:
    """Yield to everybody, take no more than is needed; a sandbox may forbid to say so, and has limits itself."""
    limits = {resource.RLIMIT_AS: _MEMORY, resource.RLIMIT_FSIZE: 2 * MOST_ARCHIVE, resource.RLIMIT_CORE: 0}
    for kind, limit in limits.items():
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (limit, limit))
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _YIELDING)


def _failure(error: Exception) -> News:
    """What is told of it; a device that cannot take it now says that it may later."""
    kinds = (
        (Unauthorized, words.UNAUTHORIZED), (Refused, words.NEXT_ROUND), (ApiError, words.LATER),
        (Useless, words.USELESS),
    )  # fmt: skip
    kind = next((kind for of, kind in kinds if isinstance(error, of)), words.REFUSED)
    if isinstance(error, BlockingIOError | MemoryError):
        error = Passing(str(error) or repr(error))
    elif isinstance(error, OSError):
        error = NoRoom(f"what is fetched cannot be kept: {error.strerror or error}")
    retry_after = error.retry_after if isinstance(error, ApiError) and kind == words.LATER else 0.0
    return News(words.FAILED, kind=kind, reason=(str(error) or repr(error))[:500], retry_after=retry_after)


def _tell(news: News) -> None:
    print(news.to_line(), flush=True)
