"""`pi-auto-client bind`: gives the agent a fleet's code, as the scanner would, and says what came of it.

Installed, it runs as the agent's user, who alone besides capture reaches the agent's folder.
"""

from __future__ import annotations

import getpass
import sys

from pi_auto.client.binding.door import MOST_CODE, hand_over
from pi_auto.client.binding.outcomes import DONE, SENTENCES, Outcome
from pi_auto.client.settings import Settings


def bind(settings: Settings) -> int:
    """Ask for the code, unless stdin is no terminal, and hand it over; the exit code."""
    code = getpass.getpass("code (not shown): ") if sys.stdin.isatty() else sys.stdin.readline(MOST_CODE)
    outcome = Outcome.FAILED
    for outcome in hand_over(code.strip(), settings.agent_folder, settings.fleet_card):
        if outcome is Outcome.TRYING:
            print(f"{SENTENCES[outcome]} ...", file=sys.stderr, flush=True)
    said = f"pi-auto-client bind: {SENTENCES[outcome]}"
    if outcome in DONE:
        print(said)
        return 0
    print(said, file=sys.stderr)
    return 1
