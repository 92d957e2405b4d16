from __future__ import annotations

from pi_auto.client.agent.network.candidates import CARD, LAST_GOOD, MOST, SETTING, Candidate, in_order
from pi_auto.wire.server_address import PUBLIC, ServerAddress

A, B, C = (ServerAddress(f"10.0.0.{number}") for number in (1, 2, 3))


def test_where_it_was_last_is_asked_before_the_settings_and_the_card() -> None:
    asked = in_order(A, [B], [C])
    assert asked == [Candidate(A, LAST_GOOD), Candidate(B, SETTING), Candidate(C, CARD)]


def test_an_address_that_several_name_is_asked_once() -> None:
    assert in_order(A, [A], [B, A, B]) == [Candidate(A, LAST_GOOD), Candidate(B, CARD)]


def test_one_host_with_two_kinds_of_certificate_is_two_guesses() -> None:
    named = ServerAddress("pi.example"), ServerAddress("pi.example", certificate=PUBLIC)
    assert len(in_order(None, [], named)) == 2


def test_nobody_can_name_more_than_it_will_ask() -> None:
    assert len(in_order(None, [], [ServerAddress(f"10.0.1.{n}") for n in range(200)])) == MOST
