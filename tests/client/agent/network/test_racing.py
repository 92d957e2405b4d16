from __future__ import annotations

import threading
import time

from pi_auto.client.agent.errors import Unreachable
from pi_auto.client.agent.network.candidates import CARD, Candidate
from pi_auto.client.agent.network.racing import Found, first_proven
from pi_auto.client.endpoint import Endpoint
from pi_auto.wire.server_address import ServerAddress

ONE, TWO, THREE = (Candidate(ServerAddress(f"10.0.0.{number}"), CARD) for number in (1, 2, 3))


def endpoint(address: ServerAddress) -> Endpoint:
    return Endpoint(tls=True, host=str(address), dialled=(address.host, address.port), name="fleet.pi-auto")


def refuse(address: ServerAddress) -> Endpoint:
    raise Unreachable(f"no use of {address}")


def test_the_first_is_taken_and_the_second_not_asked_if_it_answers_at_once() -> None:
    asked: list[ServerAddress] = []

    def prove(address: ServerAddress) -> Endpoint:
        asked.append(address)
        return endpoint(address)

    found = first_proven([ONE, TWO], prove, 10.0, head_start=10.0)
    assert found == Found(ONE, endpoint(ONE.address))
    assert asked == [ONE.address]


def test_one_that_hangs_does_not_hold_up_the_next() -> None:
    release = threading.Event()

    def prove(address: ServerAddress) -> Endpoint:
        if address == ONE.address:
            release.wait(30)
        return endpoint(address)

    found = first_proven([ONE, TWO], prove, 30.0, head_start=0.01)
    release.set()
    assert found == Found(TWO, endpoint(TWO.address))


def test_where_none_is_the_fleets_each_is_told_with_its_reason() -> None:
    reasons = first_proven([ONE, TWO, THREE], refuse, 10.0, head_start=0.01)
    assert reasons == [f"{each}: no use of {each.address}" for each in (ONE, TWO, THREE)]


def test_those_that_never_answer_are_given_up_in_time() -> None:
    release = threading.Event()

    def prove(address: ServerAddress) -> Endpoint:
        release.wait(30)
        return endpoint(address)

    began = time.monotonic()
    reasons = first_proven([ONE, TWO], prove, 0.2, head_start=0.01)
    release.set()
    assert reasons == [f"{each}: no answer in time" for each in (ONE, TWO)]
    assert time.monotonic() - began < 20


def test_with_nobody_to_ask_nobody_is_found() -> None:
    assert first_proven([], refuse, 10.0) == []
