"""Updates from the desk to the device and back to the operator's eye; only systemd is stood in for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from pi_auto.simulator.scanner import VirtualScanner
from support.update_house import UpdateHouse
from support.waiting import wait_until

FEWEST_SCANS = 10  # in the time that an update takes
_FAILS_ITS_SELF_TEST = {"pi_auto/client/wifi/telling.py": "raise RuntimeError('planted in the release')\n"}
_CRASHES = {
    "pi_auto/client/agent/agent.py": """
class Agent:
    def __init__(self, *_: object) -> None:
        raise RuntimeError('planted in the agent')
"""
}


class Typing(threading.Thread):
    """A scan every half second for as long as the block runs."""

    def __init__(self, scanner: VirtualScanner) -> None:
        super().__init__(daemon=True)
        self._scanner, self._over, self.typed = scanner, threading.Event(), list[str]()

    def run(self) -> None:
        """Type them, each another."""
        while not self._over.wait(0.5):
            self.typed.append(f"DURING-{len(self.typed):03}")
            self._scanner.type_at_once(self.typed[-1])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[UpdateHouse]:
    """A device that runs version 0.1.0."""
    with UpdateHouse(tmp_path) as opened:
        opened.start()
        yield opened


def test_a_card_and_then_a_release_go_from_the_desk_to_the_device_and_are_seen_to_be_there(
    house: UpdateHouse,
) -> None:
    """Both are signed before the device asks: the one keeps the other not away."""
    port = house.server.https.rpartition(":")[2]
    card = house.card(house.server.https, "--address", f"fleet.invalid:{port}")
    house.scan("BEFORE")
    house.release("0.2.0")
    house.sign_authority(card)
    house.update()
    assert house.steps() == [("verified", ""), ("committed", "")]
    assert json.loads(house.site.card.read_text()) == card
    number = house.roll_out("0.2.0")
    with Typing(house.scanner) as typing:
        house.update()
    assert [step for step, _ in house.steps()[2:]] == ["verified", "trial", "committed"]
    # Capture, which is the same in both, has gone on scanning all the while.
    assert (house.version, house.services.running()) == ("0.2.0", {"0.1.0", "0.2.0"})
    wait_until(lambda: house.device(number)["step"] == "committed", 60, "the roll-out hears of it")
    wait_until(lambda: house.shown(number)["state"] == "completed", 30, "the roll-out is completed")
    house.scan("AFTER")
    wait_until(lambda: house.booked()[-1] == "AFTER", 30, "the last scan arrives")
    assert house.booked() == ["BEFORE", *typing.typed, "AFTER"]
    assert len(typing.typed) > FEWEST_SCANS


def test_a_release_that_does_not_work_is_refused_or_gone_back_from_and_the_operator_sees_why(
    house: UpdateHouse,
) -> None:
    house.release("0.2.0", _FAILS_ITS_SELF_TEST)
    number = house.roll_out("0.2.0")
    house.update()
    assert [step for step, _ in house.steps()] == ["verified", "refused"]
    # The second offer is the last, is answered without a download, and changes nothing about the reason.

    def refused_twice() -> bool:
        seen = house.device(number)
        return (seen["step"], seen["attempts"]) == ("refused", 2)

    wait_until(lambda: house.device(number)["step"] == "refused", 60, "the roll-out hears of the refusal")
    house.ask_for_update()
    wait_until(refused_twice, 60, "both offers are refused")
    device = house.device(number)
    assert device["failures"] == 1
    assert "its self-test as pi-auto has failed" in device["reason"]
    wait_until(lambda: house.shown(number)["state"] == "paused", 30, "nobody is left to try, and it pauses")
    for words in (("show", str(number)), ("report", str(number), "--csv")):
        assert "planted in the release" in house.ask("rollout", *words)
    wait_until(
        lambda: "planted in the release" in house.status()["update"]["said"], 30, "it is seen on the device"
    )
    house.release("0.3.0", _CRASHES)
    number = house.roll_out("0.3.0")
    house.update()
    assert [step for step, _ in house.steps()[2:]] == ["verified", "trial", "rolled_back"]
    assert (house.version, house.services.running()) == ("0.1.0", {"0.1.0"})
    wait_until(lambda: house.device(number)["failures"], 60, "the roll-out hears of it")
    assert "planted in the agent" in house.device(number)["reason"]
