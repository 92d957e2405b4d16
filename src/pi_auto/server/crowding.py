"""Has room made when all connections are taken and others wait for one: those give way who hold most.

The HTTP server below us takes so many connections and no more, whoever has them; and handshakes besides,
without a bound, until no descriptor is left for anything. Thousands of devices may
stand behind one address, so an address may hold any number of them for as long as nobody else wants one. When
somebody does, the addresses that hold most are brought down to the same number, those first from which nobody
has proved who they are (proven.py), and of an address the connections that have been silent for longest: a
device that finds one of those ended opens another.
"""

from __future__ import annotations

import logging
import socket
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pi_auto.server.enrolment.limits import household
from pi_auto.server.proven import Proven
from pi_auto.server.stalled import borrowed, connections_to, descriptors, listeners_at, silent_for, waiting_at

MOST_CONNECTIONS = 4096  # the HTTP server takes no more until one ends; idle ones end after 30 s
_CROWDED, _ROOM = MOST_CONNECTIONS * 15 // 16, MOST_CONNECTIONS * 3 // 4
_FLOODED = MOST_CONNECTIONS + 256  # descriptors; handshakes of TLS that never end count as no connections yet
_STRANGERS = 8  # one part in so many of the room is theirs: every device was a stranger once
_EVERY = 1.0  # seconds
_LOOKS = 3  # in a row, of a process that has no descriptor left
_TOLD_EVERY = 60.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Held:
    """A connection: its descriptor, its peer, whose it is counted as, and how many seconds it has been silent."""

    descriptor: int
    peer: object
    household: str
    silent: float


def make_room_on(port: int, proven: Proven, leave: Callable[[], None]) -> None:
    """Look every second, for as long as the server runs; `leave` ends this process, where nothing else helps.

    Granian 2.8 that finds no descriptor for a connection looks at nothing but that any more: the handshakes
    that hold them all are never ended, and the server is deaf for good.
    """
    listeners, told, looks = listeners_at(port), float("-inf"), 0
    while looks < _LOOKS:
        time.sleep(_EVERY)
        taken = descriptors()
        looks = 0 if taken else looks + 1
        if taken and len(taken) < _FLOODED and not any(map(waiting_at, listeners)):
            continue
        gone = make_room(port, proven.addresses())
        if gone and time.monotonic() - told > _TOLD_EVERY:
            told = time.monotonic()
            _log.warning("all connections are taken: %d of those who hold most have made room for others", gone)
    _log.error("this process has no descriptor left, and gets none back: another takes its place")
    leave()


def make_room(port: int, proven: Collection[str], crowded: int = _CROWDED, room: int = _ROOM) -> int:
    """End as many connections to our `port` as leave `room`, where `crowded` or more are taken; how many."""
    held = list(_held(port))
    if len(held) < crowded:
        return 0
    gone = giving_way(held, {household(address) for address in proven}, room)
    for one in gone:
        with suppress(OSError), borrowed(one.descriptor) as connection:  # it may have ended meanwhile
            if connection.getpeername() == one.peer:
                connection.shutdown(socket.SHUT_RDWR)
    return len(gone)


def _held(port: int) -> Iterator[Held]:
    for connection in connections_to(port):
        with suppress(OSError):  # it has just ended
            peer = connection.getpeername()
            yield Held(connection.fileno(), peer, household(peer[0]), silent_for(connection))


def giving_way(held: Sequence[Held], proven: Collection[str], room: int) -> list[Held]:
    """Which of the connections have to end, so that `room` of them stay. Pure."""
    strangers = [each for each in held if each.household not in proven]
    known = [each for each in held if each.household in proven]
    of_strangers = min(len(strangers), max(room - len(known), room // _STRANGERS))
    return [*_beyond(strangers, of_strangers), *_beyond(known, room - of_strangers)]


def _beyond(held: Sequence[Held], room: int) -> Iterable[Held]:
    """What each holds beyond the number to which those who hold most are brought down."""
    by_household: dict[str, list[Held]] = defaultdict(list)
    for each in held:
        by_household[each.household].append(each)
    most = _level([len(each) for each in by_household.values()], room)
    for of_one in by_household.values():
        yield from sorted(of_one, key=lambda each: each.silent)[most:]


def _level(counts: Sequence[int], room: int) -> int:
    """The number to which the largest counts come down so that all fit into `room`; never below one."""
    left = len(counts)
    for count in sorted(counts):
        if count > room // left:
            return max(room // left, 1)
        room, left = room - count, left - 1
    return max(counts, default=0)
