"""What a person at a terminal sees of an update: each thing that agent and switcher tell, as they tell it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pi_auto.client.agent.update.told import FINAL, Step, told_in
from pi_auto.client.bulletin import posts_in
from pi_auto.client.spool.doorbell import UPDATE, ring
from pi_auto.wire.times import format_time
from pi_auto.wire.update import COMMITTED

_LOOK = 0.3  # seconds
_ANSWER = 60.0  # seconds in which an agent that runs says something
_LONGEST = 3600.0


class Follower:
    """Of the device whose state folder it is. Begin before the agent is rung, to miss nothing."""

    def __init__(self, state: Path, patience: float = _ANSWER) -> None:
        self._state, self._patience = state, patience
        self._since = format_time(datetime.now(UTC))
        self._number = max((step.number for step in told_in(state)), default=0)
        self._said = ""

    def follow(self) -> int:
        """Ring the agent, and print until it is over; the exit code, 0 if it is committed or none taken."""
        ring(self._state / "agent" / "wake.sock", UPDATE)
        began = time.monotonic()
        while time.monotonic() < began + _LONGEST:
            if (code := self._look()) is not None:
                return code
            if not self._said and time.monotonic() > began + self._patience:
                print("the agent does not answer; see: systemctl status pi-auto-client")
                return 1
            time.sleep(_LOOK)
        print("it is not over yet; see: pi-auto-client status")
        return 1

    def _look(self) -> int | None:
        for step in told_in(self._state):
            if step.number > self._number:
                self._number = step.number
                self._print(_sentence(step))
                if step.step in FINAL:
                    return 0 if step.step == COMMITTED else 1
        news = self._news()
        if not news:
            return None
        if news.get("step") != "trial":  # which the switcher has told already
            self._print(str(news.get("said")))
        return (0 if news.get("ok") else 1) if news.get("over") and news.get("step") not in FINAL[:2] else None

    def _news(self) -> dict[str, Any]:
        """What the agent tells, if it is of now; nothing while it is being restarted."""
        post = posts_in(self._state / "agent").get("update")
        news = post.news if post and isinstance(post.news, dict) else {}
        return news if str(news.get("at", "")) >= self._since else {}

    def _print(self, said: str) -> None:
        if said != self._said:
            self._said = said
            print(said, flush=True)


def _sentence(step: Step) -> str:
    why = f": {step.reason}" if step.reason else ""
    return f"update {step.version}: {step.step.replace('_', ' ')}{why}"
