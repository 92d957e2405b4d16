"""What a person and the fleet have set about scanners, as capture finds it.

A person's settings lie in a file in capture's folder, written by `pi-auto-client scanners`; the fleet's
stand in what the agent tells of the twin. While the agent tells nothing its last word holds, and so it
does after a start: codes are read before there is a network.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from pi_auto.client.bulletin import MOST_FOR_CAPTURE, posts_in
from pi_auto.client.capture.finding.units import without_port
from pi_auto.client.capture.learning.facts import FLEET, PERSON
from pi_auto.client.scanner_settings import FILE, read_settings
from pi_auto.files import write_whole
from pi_auto.wire.scanner_settings import SCANNERS, ScannerSettings, settings_in

_MOST_SAID = 200  # sentences: whoever writes nonsense again and again is not to take memory and log for it
LAST_WORD = "fleet_settings.json"
WANTED = "wanted"  # the agent's topic

_ById = dict[str, ScannerSettings]


class Told:
    """Reads both anew at each `look`; `complain` hears of what cannot be used, each sentence once."""

    def __init__(self, folder: Path, agent: Path, complain: Callable[[str], None]) -> None:
        self._file, self._agent, self._complain = folder / FILE, agent, complain
        self._person: _ById = {}
        self._fleet: _ById = {}
        self._last_word = folder / LAST_WORD
        self._wanted = read_settings(self._last_word)
        self._said: set[str] = set()
        self.files = (self._file,)  # the agent rings: its folder is not for capture to watch

    def look(self) -> None:
        """Find out what is set now."""
        self._person = self._checked(read_settings(self._file))
        self._hear(_wanted(self._agent))
        self._fleet = self._checked(self._wanted)

    def _hear(self, wanted: dict[str, object] | None) -> None:
        if wanted is None or wanted == self._wanted:
            return
        self._wanted = wanted
        try:
            write_whole(self._last_word, json.dumps(wanted))
        except OSError as error:
            self._complain(f"what the fleet sets of scanners is known until the next start: {error.strerror}")

    def of(self, scanner_id: str) -> dict[str, ScannerSettings]:
        """What is set of one scanner, and by whom; of two by one name also what was set while there was one."""
        both = {PERSON: _of(scanner_id, self._person), FLEET: _of(scanner_id, self._fleet)}
        return {who: settings for who, settings in both.items() if settings}

    def _checked(self, section: dict[str, object]) -> _ById:
        settings, errors = settings_in(section)
        for error in errors:
            if str(error) not in self._said and len(self._said) < _MOST_SAID:
                self._said.add(str(error))
                self._complain(f"a setting of a scanner cannot be used: {error}")
        return settings


def _of(scanner_id: str, settings: _ById) -> ScannerSettings | None:
    own, single = settings.get(scanner_id), settings.get(without_port(scanner_id) or "")
    if own is None or single is None:
        return own or single
    return ScannerSettings(
        own.layout or single.layout,
        own.kind or single.kind,
        own.calibration or single.calibration,
        own.forget or single.forget,
    )


def _wanted(agent: Path) -> dict[str, object] | None:
    """The fleet's wishes; None while nothing is known of them."""
    try:
        post = posts_in(agent, MOST_FOR_CAPTURE).get(WANTED)
    except PermissionError:
        return None
    news = post.news if post and isinstance(post.news, dict) else None
    return None if news is None else {name: value for name, value in news.items() if name == SCANNERS}
