"""All that is known about scanners, in one place: what was learned, what was set, and what follows.

For the lookout alone: it reads and writes files. What cannot be written is known until the next start,
and told.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pi_auto.client.capture.keys.habits import Ending, Habits
from pi_auto.client.capture.keys.layout import Layout, load
from pi_auto.client.capture.learning.facts import Facts, Standing, armed_by, standing, to_forget
from pi_auto.client.capture.learning.learned import Learned
from pi_auto.client.capture.learning.told import Told
from pi_auto.client.capture.tuning import Tuning
from pi_auto.client.spool.doorbell import WANTED
from pi_auto.frozen import replace
from pi_auto.wire.scanner_settings import SCANNER


class Knowledge:
    """By the scanners' ids; `folder` is capture's, `agent` the agent's, `complain` hears what went wrong."""

    def __init__(self, folder: Path, agent: Path, complain: Callable[[str], None]) -> None:
        self._learned = Learned(folder)
        self._told = Told(folder, agent, complain)
        self._complain = complain
        self._layouts: dict[str, Layout] = {}
        # When the file is replaced, or somebody rings at the door, it is time to look.
        self.files, self.door = self._told.files, folder / WANTED
        self.forgotten: set[str] = set()  # the ids of those of which all was forgotten since the last look

    def __contains__(self, scanner_id: object) -> bool:
        """Whether it is known to be a scanner, and needs no judging."""
        return isinstance(scanner_id, str) and self.standing(scanner_id).is_scanner

    def look(self) -> None:
        """Find out what is set now."""
        self.forgotten.clear()
        self._told.look()

    def standing(self, scanner_id: str) -> Standing:
        """What holds for one."""
        return standing(self._facts(scanner_id), self._told.of(scanner_id))

    def tuning(self, scanner_id: str) -> Tuning:
        """How its keys are to be read."""
        now, facts = self.standing(scanner_id), self._facts(scanner_id)
        ending = Ending(facts.ending) if facts.ending in set(Ending) else None
        return Tuning(self._layout(now.layout), Habits(now.layout, ending, facts.gap_ns), now.calibrates)

    def judged_a_scanner(self, scanner_id: str) -> None:
        """Its typing has shown that it is one."""
        self._keep(scanner_id, replace(self._facts(scanner_id), kind=SCANNER))

    def has_read(self, scanner_id: str, codes: int, habits: Habits) -> None:
        """So many codes more; how it ends them, and how fast it types."""
        ending = habits.ending.value if habits.ending else None
        facts = self._facts(scanner_id).has_read(codes)
        self._keep(scanner_id, replace(facts, ending=ending, gap_ns=habits.gap_ns))

    def calibrated(self, scanner_id: str, layout: str) -> None:
        """It has read the calibration code; what allowed that is used up."""
        facts = self._facts(scanner_id).calibrated(layout)
        for word in armed_by(facts, self._told.of(scanner_id)):
            facts = facts.acted_on(word)
        self._keep(scanner_id, facts)

    def _facts(self, scanner_id: str) -> Facts:
        """What was learned, once all that is to be forgotten is."""
        facts = self._learned.of(scanner_id)
        for word in to_forget(facts, self._told.of(scanner_id)):
            facts = facts.forgotten().acted_on(word)
            self.forgotten.add(scanner_id)
            self._keep(scanner_id, facts)
        return facts

    def _layout(self, name: str) -> Layout:
        if name not in self._layouts:
            self._layouts[name] = load(name)
        return self._layouts[name]

    def _keep(self, scanner_id: str, facts: Facts) -> None:
        try:
            self._learned.keep(scanner_id, facts)
        except OSError as error:
            self._complain(f"what was learned of {scanner_id} is known until the next start: {error.strerror}")
