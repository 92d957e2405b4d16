"""The first promise: what was signalled as stored is booked exactly once by each way, whatever dies."""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path

from support.household import Household
from support.waiting import wait_until

SCANS = 500
KILLS = 20
BETWEEN_SCANS = 0.06  # seconds
FEWEST_STORED = 350  # the rest was typed while nobody could read it


def test_every_stored_scan_is_booked_once_by_both_ways_through_twenty_kills(tmp_path: Path) -> None:
    seed = int(os.environ.get("PI_AUTO_SEED", random.SystemRandom().randrange(10**6)))
    print(f"seed {seed}: repeat with PI_AUTO_SEED={seed}")
    dice = random.Random(seed)
    with Household(tmp_path) as house:
        typing = threading.Thread(target=type_codes, args=(house,))
        typing.start()
        kill_at_random(house, dice)
        typing.join()
        stored = house.stored()
        assert len(stored) >= FEWEST_STORED
        wait_until(lambda: house.booked_by_both() >= stored.keys(), 120, f"all arrive by both ways (seed {seed})")
        assert_books_are_right(house)


def type_codes(house: Household) -> None:
    for number in range(SCANS):
        house.scanner.type_at_once(f"KILL-{number:05d}")
        time.sleep(BETWEEN_SCANS)


def kill_at_random(house: Household, dice: random.Random) -> None:
    """Twenty kills; the server is started again as systemd would, all else comes back by itself."""
    victims = [*Household.victims, *dice.choices(Household.victims, k=KILLS - len(Household.victims))]
    dice.shuffle(victims)
    for victim in victims:
        time.sleep(dice.uniform(0.2, 2.5))
        wait_until(lambda who=victim: house.kill(who), 30, f"there is a {victim} to kill")  # type: ignore[misc]
        if victim == "server":
            house.restart_server()


def assert_books_are_right(house: Household) -> None:
    stored, booked = house.stored(), house.booked()
    assert len({scan["uuid"] for scan in booked}) == len(booked)
    assert {scan["uuid"]: scan["text"] for scan in booked if scan["uuid"] in stored} == stored
    texts = [scan["text"] for scan in booked]
    assert texts == sorted(set(texts)), "each code once, in the order it was typed"
    for way in ("api_at", "hub_at"):
        times = [scan[way] for scan in booked]
        assert times == sorted(times), f"{way} follows the order of scanning"
