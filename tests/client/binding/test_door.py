from __future__ import annotations

from pathlib import Path

import pytest

from pi_auto.client.binding.door import hand_over
from pi_auto.client.binding.outcomes import Outcome


@pytest.mark.parametrize(
    ("card", "outcome"),
    [("card.json", Outcome.HAS_FLEET), ("none", Outcome.NO_AGENT), ("c" * 300, Outcome.NO_AGENT)],
)
def test_where_no_agent_takes_a_code_the_card_says_why(tmp_path: Path, card: str, outcome: Outcome) -> None:
    (tmp_path / "card.json").touch()
    assert list(hand_over("code", tmp_path, tmp_path / card)) == [outcome]
