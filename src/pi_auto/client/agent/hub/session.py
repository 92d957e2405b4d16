"""What happens on one connection to the hub: records go out, acknowledgements move the mark, the heart beats.

One thread does it all, so that nothing needs a lock. It ends when the token is nearly
used up or the server has given another way, by finishing what is under way first; when the
agent stops, by saying `offline`; and by HubLost when the connection goes.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from pi_auto.client.agent.hub.connection import HubConnection
from pi_auto.client.agent.hub.limits import Limits
from pi_auto.client.agent.hub.outgoing import Outgoing
from pi_auto.client.agent.hub.twin import TwinTalk
from pi_auto.client.agent.methods.dispatch import Methods
from pi_auto.client.agent.wakeups import Reason, Wakeups
from pi_auto.wire.ids import Position

FAREWELL = 2.0  # seconds for the last report: the agent has to stop within five
_FINISHING = 10.0  # seconds for what is under way at the end of a token


class HubSession:
    """One connection's work. `heard` is called when the hub has shown that it works."""

    def __init__(
        self,
        connection: HubConnection,
        outgoing: Outgoing,
        twin: TwinTalk,
        methods: Methods,
        wakeups: Wakeups,
        heard: Callable[[], None],
        limits: Limits,
    ) -> None:
        self._connection, self._outgoing, self._twin = connection, outgoing, twin
        self._methods, self._wakeups, self._heard = methods, wakeups, heard
        self._ends_at = time.monotonic() + limits.life

    @property
    def unanswered(self) -> Position | None:
        """The record that was sent first, if the hub has acknowledged none on this connection."""
        return self._outgoing.unanswered

    def run(self, still_right: Callable[[], bool]) -> None:
        """Work until stopped, the token is nearly used up, or the way is no longer right. Raises HubLost."""
        while not self._wakeups.stopped and time.monotonic() < self._ends_at and still_right():
            self._outgoing.send()
            self._twin.speak()
            self._turn(min(self._outgoing.look_at, self._twin.next_at, self._ends_at))
        if self._wakeups.stopped:
            self._say_offline()
        else:
            self._finish()

    def _turn(self, until: float) -> None:
        self._connection.turn(until - time.monotonic(), self._wakeups.fileno())
        woken = self._wakeups.take(Reason.RECORD | Reason.STANDING | Reason.NETWORK)
        if woken:
            self._outgoing.look_at = 0.0
        if Reason.NETWORK in woken:
            self._connection.check_way()
            self._twin.hurry()
        self._take()
        self._take_calls()

    def _take(self) -> None:
        heard = self._outgoing.take_acknowledgements()
        if self._twin.take_answers() or heard:
            self._heard()

    def _take_calls(self) -> None:
        while self._connection.calls:
            name, request_id, body = self._connection.calls.popleft()
            status, answer = self._methods.answer(name, body)
            self._connection.answer(status, request_id, answer)

    def _finish(self) -> None:
        deadline = time.monotonic() + _FINISHING
        while self._outgoing.under_way and time.monotonic() < deadline and not self._wakeups.stopped:
            self._turn(deadline)

    def _say_offline(self) -> None:
        deadline = time.monotonic() + FAREWELL
        self._twin.say_offline()
        while self._twin.awaiting and time.monotonic() < deadline:
            self._connection.turn(deadline - time.monotonic())
            self._take()
