from __future__ import annotations

import pytest

from pi_auto.server.fleet.claims import Decision, Holding, decide, hash_secret

MINE, OTHER = "a" * 64, "b" * 64
CLAIMED = Holding(hash_secret(MINE), has_token=True)
UNCLAIMED = Holding(None, has_token=True)
MADE_BY_THE_HUB = Holding(None, has_token=False)


@pytest.mark.parametrize(
    ("held", "claim", "decision"),
    [
        (None, MINE, Decision.ENROL),
        (None, None, Decision.ENROL),
        (CLAIMED, MINE, Decision.RENEW),
        (CLAIMED, OTHER, Decision.REFUSE),
        (CLAIMED, None, Decision.REFUSE),
        (UNCLAIMED, None, Decision.KNOWN),
        (UNCLAIMED, MINE, Decision.REFUSE),
        (MADE_BY_THE_HUB, MINE, Decision.ADOPT),
        (MADE_BY_THE_HUB, None, Decision.ADOPT),
    ],
)
def test_who_may_register_an_id(held: Holding | None, claim: str | None, decision: Decision) -> None:
    assert decide(held, claim) is decision
