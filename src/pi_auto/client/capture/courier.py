"""Carries a code with a secret to who may follow it, and brings back what came of it.

A Wi-Fi code goes to the helper that may join networks, a fleet's code to the agent. A thread of its own, since
that takes up to two minutes; the reader only leaves the code and goes on. One at a time: who scans again meanwhile
is not heard. What came of it is a signal, a line for the log, and where a network was tried an incident for the
fleet; of what the code says nothing is in any of them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue

from pi_auto.client.binding import outcomes as binding
from pi_auto.client.capture.diverting import FleetCode, SecretCode
from pi_auto.client.capture.inbox import Inbox, Note
from pi_auto.client.capture.signals.scores import Signal
from pi_auto.client.clock import Now, boottime_ns, stamp_at
from pi_auto.client.spool.drafts import IncidentDraft
from pi_auto.client.uuids import new_uuid
from pi_auto.client.wifi.outcomes import SENTENCES, UNDONE, Outcome

HandOver = Callable[[str], Iterable[Outcome]]
Bind = Callable[[str], Iterable[binding.Outcome]]
_INCIDENTS = {Outcome.JOINED: "wifi_joined"} | dict.fromkeys(UNDONE, "wifi_undone")
_REASON = "a Wi-Fi code was scanned: {}"
_BINDING = "a fleet's code was scanned: {}"


class Courier(threading.Thread):
    """`hand_over` None: the setting says that no network is joined by scanning."""

    def __init__(
        self,
        inbox: Inbox,
        show: Callable[[Signal], None],
        now: Now,
        hand_over: HandOver | None,
        bind: Bind = lambda _: (binding.Outcome.NO_AGENT,),
    ) -> None:
        super().__init__(name="courier", daemon=True)
        self._inbox, self._show, self._now, self._hand_over, self._bind = inbox, show, now, hand_over, bind
        self._codes: SimpleQueue[SecretCode] = SimpleQueue()
        self._is_busy = threading.Event()

    @property
    def is_busy(self) -> bool:
        """Whether a code is being carried."""
        return self._is_busy.is_set()

    def take(self, code: SecretCode) -> None:
        """Have it carried, from any thread and without waiting."""
        if not self.is_busy:
            self._is_busy.set()
            self._codes.put(code)

    def run(self) -> None:
        """Carry for ever; a daemon thread."""
        while True:
            code = self._codes.get()
            if isinstance(code, FleetCode):
                self._carry_to_agent(code.text)
            else:
                self._carry(code.text)
            self._is_busy.clear()

    def _carry(self, text: str) -> None:
        last = Outcome.OFF
        for last in self._hand_over(text) if self._hand_over else ():
            if last is Outcome.TRYING:
                self._show(Signal.TRYING)
        self._tell(last)

    def _tell(self, outcome: Outcome) -> None:
        reason = _REASON.format(SENTENCES[outcome])
        if kind := _INCIDENTS.get(outcome):
            stamp = stamp_at(self._now(), boottime_ns())
            self._inbox.put(IncidentDraft(new_uuid(), kind, reason, stamp))
        else:
            self._show(Signal.REFUSED)
            self._inbox.put(Note(logging.WARNING, reason))

    def _carry_to_agent(self, text: str) -> None:
        last = binding.Outcome.FAILED
        for last in self._bind(text):
            if last is binding.Outcome.TRYING:
                self._show(Signal.TRYING)
        done = last in binding.DONE
        self._show(Signal.JOINED if done else Signal.REFUSED)
        level = logging.INFO if done else logging.WARNING
        self._inbox.put(Note(level, _BINDING.format(binding.SENTENCES[last])))
