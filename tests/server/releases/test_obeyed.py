"""What devices make of the fleet's authority reaches who has to know it."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from html import unescape

import pytest

from pi_auto.server.app import create_app
from pi_auto.server.operators import tokens
from pi_auto.server.operators.rules import EVERYTHING
from pi_auto.server.releases.words import listed
from pi_auto.server.rollouts.booking import tell
from pi_auto.wire.update import COMMITTED, REFUSED, UpdateStatus, status_of
from support.api import NOW
from support.release_office import Office
from support.rollout import Fleet

NASTY = "the card is of fleet <script>\x1b[2J"


@pytest.fixture
def authority(office: Office) -> str:
    """It is signed and published; its SHA-256."""
    assert office.api.context.fleet
    octets = json.dumps(office.api.context.fleet.card((), update_root=office.made.root).to_json()).encode()
    office.made.authority(octets)
    office.publish()
    return hashlib.sha256(octets).hexdigest()


def told(office: Office, authority: str, *steps: tuple[str, str, str]) -> None:
    """Devices that tell, in this order."""
    fleet = Fleet(office.api.context, office.api.clock)
    fleet.add(sorted({device for device, _, _ in steps}))
    for number, (device, step, reason) in enumerate(steps):
        at = NOW + timedelta(seconds=number)
        said = UpdateStatus(device, "2.0.0", status_of(step), at, step, authority, reason=reason or None)
        fleet.job(lambda books, said=said: tell(books, said, NOW))


def test_the_last_word_of_each_device_counts(office: Office, authority: str) -> None:
    told(
        office, authority,
        ("pi-1", REFUSED, "not now: the disk is full"), ("pi-1", COMMITTED, ""), ("pi-1", COMMITTED, ""),
        ("pi-2", REFUSED, NASTY), ("pi-3", COMMITTED, ""), ("pi-4", "offered", ""),
    )  # fmt: skip
    told_of = office.ask("release list")["authority"]
    assert (told_of["taken"], told_of["refused"]) == (2, 1)
    (one,) = told_of["refusals"]
    assert (one["device_id"], one["reason"][:15]) == ("pi-2", NASTY[:15])
    lines = listed(office.ask("release list")).splitlines()
    assert f"fleet's authority {authority[:16]}: 2 devices have it" in lines
    assert "warning: pi-2 refuses it: the card is of fleet <script>\\x1b[2J" in lines  # fit for a terminal


def test_an_authority_that_many_refuse_is_told_in_few_lines(office: Office, authority: str) -> None:
    told(office, authority, *((f"pi-{number:03}", REFUSED, "no") for number in range(50)))
    lines = [line for line in listed(office.ask("release list")).splitlines() if "refuse" in line]
    assert len(lines) == 21
    assert lines[-1] == "warning: 30 more devices refuse it"


def test_the_page_of_rollouts_shows_it(office: Office, authority: str) -> None:
    told(office, authority, ("pi-2", REFUSED, NASTY))
    context = office.api.context
    token = Fleet(context, office.api.clock).job(
        lambda books: tokens.create_token(books, "ann", EVERYTHING, None, office.api.clock())
    )
    client = create_app(context.settings, context).test_client()
    page = client.get(
        "/fleet/rollouts", base_url="https://fleet.local", headers={"Authorization": f"Bearer {token}"}
    ).text
    assert "1 refuse it" in page
    assert "the card is of fleet <script>" in unescape(page)
    assert "<script>" not in page


def test_without_an_authority_nothing_is_said_of_one(office: Office) -> None:
    office.made.release("2.1.0", {})
    office.publish()
    assert "authority" not in listed(office.ask("release list"))
