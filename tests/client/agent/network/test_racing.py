from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from pi_auto.client.agent.errors import Unreachable
from pi_auto.client.agent.network.candidates import CARD, MOST, Candidate
from pi_auto.client.agent.network.racing import Found, Race, Source
from pi_auto.client.endpoint import Endpoint
from pi_auto.wire.server_address import ServerAddress

ONE, TWO, THREE = (Candidate(ServerAddress(f"10.0.0.{number}"), CARD) for number in (1, 2, 3))


def endpoint(address: ServerAddress) -> Endpoint:
    return Endpoint(tls=True, host=str(address), dialled=(address.host, address.port), name="fleet.pi-auto")


def refuse(address: ServerAddress) -> Endpoint:
    raise Unreachable(f"no use of {address}")


def _gone() -> Iterator[ServerAddress]:
    raise OSError("the interface has just gone")


def test_the_first_is_taken_and_the_second_not_asked_if_it_answers_at_once() -> None:
    asked: list[ServerAddress] = []

    def prove(address: ServerAddress) -> Endpoint:
        asked.append(address)
        return endpoint(address)

    found = Race(prove, 10.0, 10.0).run([ONE, TWO])
    assert found == Found(ONE, endpoint(ONE.address))
    assert asked == [ONE.address]


def test_one_that_hangs_does_not_hold_up_the_next() -> None:
    release = threading.Event()

    def prove(address: ServerAddress) -> Endpoint:
        if address == ONE.address:
            release.wait(30)
        return endpoint(address)

    found = Race(prove, 30.0, 0.01).run([ONE, TWO])
    release.set()
    assert found == Found(TWO, endpoint(TWO.address))


def test_where_none_is_the_fleets_each_is_told_with_its_reason() -> None:
    reasons = Race(refuse, 10.0, 0.01).run([ONE, TWO, THREE])
    assert reasons == [f"{each}: no use of {each.address}" for each in (ONE, TWO, THREE)]


def test_those_that_never_answer_are_given_up_in_time() -> None:
    release = threading.Event()

    def prove(address: ServerAddress) -> Endpoint:
        release.wait(30)
        return endpoint(address)

    began = time.monotonic()
    reasons = Race(prove, 0.2, 0.01).run([ONE, TWO])
    release.set()
    assert reasons == [f"{each}: no answer in time" for each in (ONE, TWO)]
    assert time.monotonic() - began < 20


def test_with_nobody_to_ask_nobody_is_found() -> None:
    assert Race(refuse, 10.0).run([]) == []


def test_what_the_network_says_now_is_asked_before_what_was_known() -> None:
    asked: list[ServerAddress] = []

    def prove(address: ServerAddress) -> Endpoint:
        asked.append(address)
        if address == ONE.address:
            said.wait(10)
            raise Unreachable("gone")
        return endpoint(address)

    def look(_over: threading.Event) -> Iterator[ServerAddress]:
        yield THREE.address
        said.set()

    said = threading.Event()
    found = Race(prove, 30.0, 20.0).run([ONE, TWO], [Source("mDNS", look)])
    assert found == Found(Candidate(THREE.address, "mDNS"), endpoint(THREE.address))
    assert asked[:2] == [ONE.address, THREE.address]


def test_a_search_lasts_while_somebody_still_looks() -> None:
    def look(_over: threading.Event) -> Iterator[ServerAddress]:
        time.sleep(0.1)
        yield TWO.address

    assert Race(endpoint, 30.0).run([], [Source("mDNS", look)]) == Found(
        Candidate(TWO.address, "mDNS"), endpoint(TWO.address)
    )


def test_once_it_is_found_those_who_look_are_told_to_stop() -> None:
    stopped = threading.Event()

    def look(over: threading.Event) -> Iterator[ServerAddress]:
        if over.wait(30):
            stopped.set()
        yield from ()

    assert isinstance(Race(endpoint, 30.0).run([ONE], [Source("mDNS", look)]), Found)
    assert stopped.wait(5)


def test_a_source_that_breaks_names_nobody_and_holds_up_nobody() -> None:
    def look(_over: threading.Event) -> Iterator[ServerAddress]:
        yield from _gone()

    assert Race(endpoint, 30.0).run([], [Source("mDNS", look)]) == []


def test_another_network_calls_a_search_off() -> None:
    release = threading.Event()

    def prove(address: ServerAddress) -> Endpoint:
        race.call_off()
        release.wait(30)
        return endpoint(address)

    race = Race(prove, 30.0)
    began = time.monotonic()
    race.run([ONE])
    release.set()
    assert race.called_off
    assert time.monotonic() - began < 20


def test_a_network_that_names_a_thousand_servers_is_asked_for_a_few() -> None:
    asked: list[ServerAddress] = []

    def prove(address: ServerAddress) -> Endpoint:
        asked.append(address)
        raise Unreachable("an impostor")

    def look(_over: threading.Event) -> Iterator[ServerAddress]:
        yield from (ServerAddress(f"10.1.{n // 250}.{n % 250 + 1}") for n in range(1000))

    Race(prove, 30.0, 0.01).run([ONE], [Source("mDNS", look)])
    assert len(asked) == MOST
