"""The fleet's authority is looked at once, however often the server says that there is one; its end is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pi_auto.wire.fleet_card import MOST_CARD
from pi_auto.wire.update import NoUpdate
from support.fleet_peer import UPDATES, answer
from support.signed_fleet import DOWNLOAD
from support.waiting import wait_until

from ..conftest import running  # noqa: TID252 - of the tests beside it
from .conftest import Site

ROUNDS = 2


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions may follow each other at once."""
    monkeypatch.setattr("pi_auto.client.agent.errands.updating._LEAST", 0.2)


def signs(site: Site, said: dict[str, Any], named: str | None = None) -> str:
    """The fleet signs it, and the server says so; its SHA-256."""
    digest = site.fleet.authority(said)
    names(site, named or digest)
    return digest


def names(site: Site, authority: str | None) -> None:
    site.office.peer.always[UPDATES] = answer(NoUpdate("0.1.0", "", authority=authority).to_json())


def card(site: Site, **changes: Any) -> dict[str, Any]:
    """As it would be signed: what the device has, and these changes."""
    held = json.loads(site.settings.fleet_card.read_text())
    return {name: value for name, value in held.items() if name != "batch_token"} | changes


def wait_for_rounds(site: Site) -> None:
    """Several questions of the agent go by."""
    asked = site.office.peer.calls(UPDATES)
    wait_until(lambda: site.office.peer.calls(UPDATES) >= asked + ROUNDS, 60, "rounds of questions")


def ended(step: str, authority: str, number: int, reason: str = "") -> dict[str, object]:
    return {
        "number": number, "update_id": authority, "version": "0.1.0", "step": step, "reason": reason,
        "time": f"2026-11-29T22:00:{number:02d}.000Z",
    }  # fmt: skip


def test_an_authority_that_says_what_the_card_says_is_fetched_once_and_told_as_taken(site: Site) -> None:
    signs(site, card(site))
    for _ in range(2):
        with running(site.settings):
            wait_until(lambda: site.steps() == ["committed"], 30, "its end")
            wait_for_rounds(site)
    assert site.office.peer.calls(DOWNLOAD) == 1
    assert site.steps() == ["committed"]
    assert not (site.runtime / "update").exists()


def test_an_authority_that_root_refuses_for_good_is_handed_over_once(site: Site) -> None:
    digest = signs(site, card(site, fleet_id="bcdefghijklm"))
    mark = site.runtime / "update"
    with running(site.settings):
        wait_until(mark.exists, 30, "the hand-over")
        wait_for_rounds(site)
        assert site.office.peer.calls(DOWNLOAD) == 1, "it waits for the answer"
        mark.unlink()
        site.told(ended("refused", digest, 1, "not now: the disk is full"))
        wait_until(mark.exists, 30, "it once more, since the reason has passed")
        fetched = site.office.peer.calls(DOWNLOAD)
        mark.unlink()
        told = [
            ended("refused", digest, 1, "not now: the disk is full"),
            ended("refused", digest, 2, "of another fleet"),
        ]
        site.told(*told)
        wait_until(lambda: site.steps() == ["refused", "refused"], 30, "the server to hear of both")
        wait_for_rounds(site)
    with running(site.settings):
        wait_for_rounds(site)
        assert not mark.exists()
        assert site.office.peer.calls(DOWNLOAD) == fetched
        newer = signs(site, card(site, fleet_id="cdefghijklmn"))
        wait_until(mark.exists, 30, "another authority, which is looked at")
    assert newer != digest
    assert site.reports()[-1] == ("refused", "0.1.0", "of another fleet")


@pytest.mark.parametrize(
    ("said", "reason", "fetches"),
    [({"no": "card"}, "is no fleet card", 1), ({"x": "y" * MOST_CARD}, "bytes; allowed", 0)],
)
def test_what_is_signed_and_no_card_is_refused_once_and_told(
    site: Site, said: dict[str, Any], reason: str, fetches: int
) -> None:
    signs(site, said)
    for _ in range(2):
        with running(site.settings):
            wait_until(lambda: site.steps() == ["refused"], 30, "its refusal")
            wait_for_rounds(site)
    assert site.office.peer.calls(DOWNLOAD) == fetches
    ((_, version, why),) = site.reports()
    assert version == "0.1.0"
    assert reason in str(why)


def test_a_server_that_names_what_nobody_has_signed_changes_nothing_and_the_signed_one_comes_later(
    site: Site,
) -> None:
    digest = signs(site, card(site, servers=[]), named="0" * 64)
    with running(site.settings):
        wait_until(lambda: "refused" in site.steps(), 30, "its refusal")
        wait_for_rounds(site)
        assert site.office.peer.calls(DOWNLOAD) == 0
        names(site, digest)
        wait_until((site.runtime / "update").exists, 30, "the hand-over")
    ((_, _, why),) = set(site.reports())
    assert str(why).startswith("not now: the server names an authority 000")
