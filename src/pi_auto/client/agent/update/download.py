"""Fetches one signed file: resumed where it stopped, never longer than signed, on the disk before it is used.

<name>.part     what has come so far; it stays over restarts and power cuts
<name>          whole and verified
"""

from __future__ import annotations

import http.client
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random, SystemRandom
from typing import IO

from pi_auto.client.agent.backoff import Backoff
from pi_auto.client.agent.errors import ApiError, Garbled, Refused, Unauthorized, Unreachable
from pi_auto.client.agent.update.channel import Channel
from pi_auto.client.agent.update.trouble import NoRoom, Wrong

_TRIES = 5  # in a row that bring nothing
_LONGEST_PAUSE = 30.0  # seconds between them; a server that asks for more is asked again by the next round
_SYNC_EACH = 1024 * 1024  # bytes
_GAIN = 256 * 1024  # bytes that make a try worth the name
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,12})-([0-9]{1,12})/([0-9]{1,12})\Z")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A signed file: where the server has it, how long it is, and what raises Wrong if another one came."""

    path: str
    size: int
    check: Callable[[IO[bytes]], None]


class Patience:
    """How often a call is made again; tells when it is enough."""

    def __init__(self, rng: Random | None = None, sleep: Callable[[float], None] = time.sleep) -> None:
        self._backoff = Backoff(rng or SystemRandom(), longest=_LONGEST_PAUSE)
        self._sleep, self._left = sleep, _TRIES

    def rest(self, error: ApiError) -> None:
        """Wait before the next try, or raise the error where that is of no use now."""
        self._left -= 1
        is_final = isinstance(error, (Refused, Unauthorized)) or error.retry_after > _LONGEST_PAUSE
        if is_final or self._left < 1:
            raise error
        self._sleep(self._backoff.next(error.retry_after))

    def renew(self) -> None:
        """It goes on well."""
        self._left = _TRIES
        self._backoff.reset()


def download(
    channel: Channel,
    wanted: Wanted,
    file: Path,
    told: Callable[[int], None] = lambda _: None,
    patience: Patience | None = None,
) -> None:
    """Have `file` be what is wanted; `told` is told how many bytes of it there are. Raises ApiError and Wrong."""
    part = file.with_name(f"{file.name}.part")
    patience = patience or Patience()
    # What was kept may be of a disk that lies, or of another file: a wrong whole gets one more chance without.
    for is_last in (False, True) if part.exists() else (True,):
        try:
            _fill(channel, wanted, part, told, patience)
            verify(part, wanted)
            break
        except NoRoom:
            raise
        except Wrong:
            part.unlink(missing_ok=True)
            if is_last:
                raise
    part.rename(file)


def verify(file: Path, wanted: Wanted) -> None:
    """Whether it is whole and the one that was signed; on the disk in any case. Raises Wrong, and OSError."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
        wanted.check(opened)


def fetch_range(channel: Channel, wanted: Wanted, start: int, length: int, patience: Patience) -> bytes:
    """That part of it. Raises ApiError; Wrong where the server gives no parts, or none to its end.

    A part is not gone on with: over a line that breaks each time, only the whole file comes, bit by bit.
    """
    while True:
        before = channel.received
        try:
            came = _range(channel, wanted, start, length)
        except ApiError as error:
            _rest(patience, error, breaks=channel.received > before)
        else:
            patience.renew()
            return came


def _rest(patience: Patience, error: ApiError, *, breaks: bool) -> None:
    try:
        patience.rest(error)
    except Unreachable:
        if breaks:
            raise Wrong(f"no part of it comes to its end: {error}") from None
        raise


def _range(channel: Channel, wanted: Wanted, start: int, length: int) -> bytes:
    with channel.ask(wanted.path, {"Range": f"bytes={start}-{start + length - 1}"}) as response:
        if _begins_at(response, wanted) != start:
            raise Wrong("the server gives no parts of an archive")
        came = b"".join(channel.blocks(response, length))
    if len(came) != length:
        raise Unreachable(f"{len(came)} of {length} bytes came")
    return came


def _fill(channel: Channel, wanted: Wanted, part: Path, told: Callable[[int], None], patience: Patience) -> None:
    with _opened(part) as file:
        held = os.fstat(file.fileno()).st_size
        if held > wanted.size:
            file.truncate(held := 0)
        while held < wanted.size:
            before = held
            try:
                _go_on(channel, wanted, file, held, told)
                raise Unreachable("the connection ended early")
            except ApiError as error:
                held = file.tell()
                if held - before >= _GAIN:
                    patience.renew()
                if held < wanted.size:
                    patience.rest(error)
        _keep(file)


def _go_on(channel: Channel, wanted: Wanted, file: IO[bytes], held: int, told: Callable[[int], None]) -> None:
    """Append what comes. The file stands at its end, whatever happens."""
    file.seek(held)
    unsynced = 0
    with channel.ask(wanted.path, {"Range": f"bytes={held}-"} if held else {}) as response:
        start = _begins_at(response, wanted)
        if start != held:  # the whole of it, from a server that gives no parts
            file.truncate(0)
            file.seek(0)
        for block in channel.blocks(response, wanted.size):
            if file.tell() + len(block) > wanted.size:
                raise Wrong(f"the server sends more than the {wanted.size} bytes that are signed")
            _keep(file, block)
            unsynced += len(block)
            if unsynced >= _SYNC_EACH:
                _keep(file)
                unsynced = 0
            told(file.tell())


def _begins_at(response: http.client.HTTPResponse, wanted: Wanted) -> int:
    """Where in the file the answer begins. Raises Wrong for another size, Garbled for what makes no sense."""
    if response.status == http.client.OK:
        size = response.getheader("Content-Length")
        if size is not None and size != str(wanted.size):
            raise Wrong(f"the server has {size[:20]} bytes where {wanted.size} are signed")
        return 0
    found = _CONTENT_RANGE.match(response.getheader("Content-Range", ""))
    if not found:
        raise Garbled("a part of a file, and no word of which")
    if int(found[3]) != wanted.size:
        raise Wrong(f"the server has {found[3]} bytes where {wanted.size} are signed")
    return int(found[1])


def _opened(part: Path) -> IO[bytes]:
    how = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(part, how, 0o600), "r+b", buffering=0)


def _keep(file: IO[bytes], block: bytes = b"") -> None:
    """Write all of the block, or without one see that all is on the disk. Raises NoRoom: the call has no fault."""
    try:
        rest = memoryview(block)
        while rest:
            rest = rest[file.write(rest) :]
        if not block:
            os.fsync(file.fileno())
    except OSError as error:
        raise NoRoom(f"what is fetched cannot be kept: {error.strerror}") from None
