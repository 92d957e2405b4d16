"""A fleet card signed by the offline keys changes whom a device obeys; nothing else does."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.release import AUTHORITY_TARGET
from pi_auto.wire.server_address import ServerAddress
from support.update_box import UpdateBox, release

ELSEWHERE = (ServerAddress.from_json({"host": "new.example", "port": 5443}, "servers[0]"),)


def card_of(box: UpdateBox) -> FleetCard:
    return FleetCard.parse(box.site.card.read_bytes())


def offer(box: UpdateBox, card: FleetCard, counter: object = 1) -> None:
    octets = json.dumps(card.to_json()).encode()
    digest = box.fleet.publish(AUTHORITY_TARGET, octets, {"counter": counter})
    box.hand_over(octets, box.fleet.files(), AUTHORITY_TARGET, digest, "1.0.0")
    box.update()


def test_a_signed_card_takes_the_place_of_the_former_which_is_kept(box: UpdateBox) -> None:
    former = box.site.card.read_bytes()
    offer(box, replace(card_of(box), servers=ELSEWHERE))
    assert box.steps() == ["verified", "committed"]
    assert card_of(box).servers == ELSEWHERE
    assert box.site.card.with_name("pi_auto_fleet.json.former").read_bytes() == former
    assert box.site.card.stat().st_mode & 0o777 == 0o644


def test_an_older_card_is_not_taken_again(box: UpdateBox) -> None:
    first = card_of(box)
    offer(box, replace(first, servers=ELSEWHERE), 2)
    offer(box, first, 1)
    assert "below 2" in box.told()[-1][1]
    assert card_of(box).servers == ELSEWHERE


def test_releases_of_the_new_root_are_taken_and_the_floor_still_holds(box: UpdateBox) -> None:
    from support.update_fleet import UpdateFleet  # noqa: PLC0415 - the keys that the fleet has from then on

    box.offer(release("2.0.0"))
    box.update()
    new = UpdateFleet()
    offer(box, replace(card_of(box), update_root=new.roots[0].decode()))
    box.fleet = new
    box.offer(release("1.5.0"), "1.5.0", 1)
    box.update()
    assert "below 2" in box.told()[-1][1]
    box.offer(release("3.0.0"), "3.0.0", 3)
    box.update()
    assert (box.version, box.steps()[-1]) == ("3.0.0", "committed")


WRONG: dict[str, tuple[dict[str, object], object, str]] = {
    "another fleet": ({"fleet_id": "b" * 16}, 1, "only the installer"),
    "a batch token": ({"batch_token": "batch_" + "x" * 43}, 1, "batch token"),
    "no root": ({"update_root": None}, 1, "names no update root"),
    "a certificate that is none": (
        {"ca": "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"}, 1, "certificate in the card",
    ),
    "no counter": ({}, None, "custom.counter"),
    "a counter that is none": ({}, "9", "custom.counter"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_a_signed_card_that_would_strand_the_device_is_refused(box: UpdateBox, kind: str) -> None:
    changes, counter, reason = WRONG[kind]
    box.services.runs_children = True
    before = box.site.card.read_bytes()
    offer(box, replace(card_of(box), **changes), counter)  # type: ignore[arg-type]
    assert box.told()[-1][0] == "refused"
    assert reason in box.told()[-1][1]
    assert box.site.card.read_bytes() == before


def test_a_device_without_an_update_root_takes_nothing_and_says_so(box: UpdateBox) -> None:
    box.site.card.write_text(json.dumps(replace(card_of(box), update_root=None).to_json()))
    box.offer(release("2.0.0"))
    box.update()
    assert "no update root" in box.told()[-1][1]
