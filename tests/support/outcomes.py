"""What decoders bring to light, where a test knows of which kind it is."""

from __future__ import annotations

from pi_auto.client.capture.codes import Code, Lost, Outcome


def reason_of(outcome: Outcome) -> str:
    """Why a code was lost."""
    assert isinstance(outcome, Lost)
    return outcome.reason


def raw_of(outcome: Outcome) -> bytes:
    """The bytes of a code."""
    assert isinstance(outcome, Code)
    return outcome.raw
