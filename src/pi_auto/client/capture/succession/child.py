"""The process of the successor, as its predecessor starts and ends it: the command line of this one, once more.

It finds the release that `current` names now, and has the rights, limits and folders of the service. Only the
real-time priority does not go over to it; it takes that itself.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

from pi_auto.client.capture.errors import NotTakenOver
from pi_auto.client.capture.succession.contract import DESCRIPTOR, VARIABLE, Way, both_ends

_OF_THIS_PROCESS = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID", "WATCHDOG_USEC")


class Child:
    """One that runs, and the way to it. Raises NotTakenOver if there can be none."""

    def __init__(self) -> None:
        own, end = both_ends()
        environment = {name: told for name, told in os.environ.items() if name not in _OF_THIS_PROCESS}
        command = [sys.executable, *sys.orig_argv[1:]]
        try:
            self.process = os.posix_spawn(
                sys.executable, command, environment | {VARIABLE: str(DESCRIPTOR)},
                file_actions=[(os.POSIX_SPAWN_DUP2, end.fileno(), DESCRIPTOR)],
            )  # fmt: skip
        except OSError as error:
            own.close()
            raise NotTakenOver(f"no other capture can be started ({error.strerror})") from error
        finally:
            end.close()
        self.way = Way(own)

    def end(self) -> str:
        """End it for good, however it is; in words what it has come to by itself, if it has."""
        with suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)
        with suppress(ChildProcessError):
            code = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
            return "" if code == -signal.SIGKILL else f"; its exit code is {code}"
        return ""
