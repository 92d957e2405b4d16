"""Hands a binding code to the agent, and waits for the word of what came of it.

The code goes in one datagram to a Unix socket in the agent's folder, which the agent has only while its device
is nobody's, and which capture's group and the agent's user alone can reach. The word comes in a small file, since
the agent begins anew once it is bound. Nothing of the code is in that file.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from pi_auto.client.binding.outcomes import Outcome
from pi_auto.client.binding.places import BOUND, DOOR, WORD
from pi_auto.client.planted import read_of_another
from pi_auto.client.spool.doorbell import short_name
from pi_auto.client.uuids import new_uuid
from pi_auto.files import write_whole

MOST_CODE = 1024  # bytes
_MOST_WORD = 256  # bytes of the file
_PATIENCE = 100.0  # seconds altogether: a search, a proof, an enrolment and their repetitions take less
_SILENCE = 15.0  # seconds until the first word
_LOOK, _PULSE = 0.25, 3.0  # seconds between two looks, between two words to who waits


def hand_over(code: str, agent: Path, card: Path | None = None) -> Iterator[Outcome]:
    """What becomes of the code, word by word; the last one is no TRYING. Never raises OSError.

    `agent` is that program's folder, `card` where a card that was installed would be.
    """
    attempt = new_uuid()
    if not _send(f"{attempt} {code}".encode()[:MOST_CODE], agent / DOOR):
        yield Outcome.HAS_FLEET if _is_there(agent / BOUND) or (card and _is_there(card)) else Outcome.NO_AGENT
        return
    yield from _words(attempt, agent / WORD)


def tell(folder: Path, attempt: str, outcome: Outcome) -> None:
    """The agent's side: leave the word. Raises OSError."""
    content = json.dumps({"attempt": attempt, "word": outcome})
    write_whole(folder / WORD, content, mode=0o640, durable=False)


def _words(attempt: str, file: Path) -> Iterator[Outcome]:
    began = spoke = time.monotonic()
    outcome = None
    while outcome in {None, Outcome.TRYING}:
        time.sleep(_LOOK)
        now = time.monotonic()
        outcome = _word(attempt, file) or outcome
        if now > began + (_PATIENCE if outcome else _SILENCE):
            outcome = Outcome.FAILED
        if outcome is Outcome.TRYING and now > spoke + _PULSE:
            spoke = now
            yield outcome
    if outcome:
        yield outcome


def _word(attempt: str, file: Path) -> Outcome | None:
    """The latest word about this attempt."""
    try:
        told = json.loads(read_of_another(file, _MOST_WORD) or b"")
        return Outcome(told["word"]) if told["attempt"] == attempt else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _send(octets: bytes, door: Path) -> bool:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)) as way:
        try:
            with short_name(door) as name:
                way.sendto(octets, name)
        except OSError:
            return False
    return True


def _is_there(file: Path) -> bool:
    try:
        file.stat()
    except OSError:
        return False
    return True
