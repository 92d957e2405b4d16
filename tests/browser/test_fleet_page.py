"""The administrators' page in a real browser: signed in by the first link, used by the keyboard alone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from pi_auto.wire.binding import is_binding_code
from support.administrator import SERIAL, Card, say
from support.device_keys import DeviceKey
from support.server import RunningServer, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("fleet")) as running:
        yield running


@pytest.fixture
def page(server: RunningServer, browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(ignore_https_errors=True)  # the fleet's own authority is none of the browser's
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda said: wrong.append(said.text) if "Security Policy" in said.text else None)
    port = server.https.rpartition(":")[2]
    link = say(server.data, "operator", "link").rpartition("=")[2]
    opened.goto(f"https://localhost:{port}/login?link={link}")
    opened.get_by_role("button", name="Sign in").press("Enter")
    opened.get_by_role("link", name="Fleet").press("Enter")
    expect(opened.get_by_role("heading", name="Fleet")).to_be_visible()
    yield opened
    opened.close()
    assert wrong == []


@pytest.fixture(scope="module")
def waiting_with_long_names(server: RunningServer) -> str:
    """The serial of a device that waits and is as wide as devices get: a long reason, an address of IPv6."""
    serial = "f" * 64
    with closing(sqlite3.connect(server.data / "books.sqlite", timeout=10)) as books, books:
        books.execute(
            "INSERT INTO pending (serial, fingerprint, device_id, reason, system_info, client_version, address,"
            " network, first_at, last_at) VALUES (?, ?, ?, 'other_serial', '{}', '1',"
            " '2001:db8:1234:5678:9abc:def0:1234:5678', 'x', '2026-11-30 12:00:00', '2026-11-30 12:00:00')",
            (serial, "ab" * 32, "pi-" + "f" * 40),
        )
    return serial


def test_a_device_is_approved_by_the_keyboard_alone(server: RunningServer, page: Page, tmp_path: Path) -> None:
    fleet_id = json.loads(say(server.data, "fleet", "card"))["fleet_id"]
    card = Card(server, DeviceKey(tmp_path), fleet_id)
    assert card.enrol() == 202
    page.reload()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == f"Approve {SERIAL}":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Approved")
    assert card.enrol() == 200
    page.reload()
    expect(page.get_by_role("row", name=SERIAL)).to_contain_text("admin")


def test_a_code_is_shown_as_a_picture_and_leaves_with_the_page(page: Page) -> None:
    page.get_by_role("button", name="Make a one-time code").press("Enter")
    expect(page.get_by_role("img", name="The code below as a QR code")).to_be_visible()
    assert is_binding_code(page.locator(".secret").inner_text())
    page.get_by_role("link", name="Audit trail").press("Enter")
    expect(page.get_by_role("row", name="any device")).to_contain_text("made")
    assert "PIAUTO" not in page.content()


def test_the_installer_with_the_card_inside_is_downloaded(page: Page) -> None:
    page.get_by_label("A new batch token, named").fill("spring")
    with page.expect_download() as waited:
        page.get_by_role("button", name="Download the installer with the card inside").press("Enter")
    assert waited.value.suggested_filename == "install_pi_client.sh"
    assert "It lets devices in: keep it." in waited.value.path().read_text()
    page.reload()
    expect(page.get_by_role("row", name="spring")).to_contain_text("0 of 100")
    page.get_by_label("A new batch token, named").fill("spring")
    page.get_by_role("button", name="Download the card alone").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("a name that no batch has or had")


def test_nothing_hangs_out_of_a_narrow_page(page: Page) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    page.reload()
    assert page.evaluate("document.documentElement.scrollWidth") <= 420


def test_every_page_leads_to_all_others_and_a_list_that_is_empty_says_so(page: Page) -> None:
    for heading in ("Pi Auto", "Fleet", "Roll-outs", "Audit trail"):
        page.get_by_role("link", name="Scans" if heading == "Pi Auto" else heading, exact=True).press("Enter")
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        expect(page.get_by_role("navigation").get_by_role("link")).to_have_count(4)
        expect(page.locator(".out")).to_contain_text("admin")
    page.get_by_label("Who").fill("nobody at all")
    page.get_by_role("button", name="Filter").press("Enter")
    expect(page.get_by_text("Nothing fits.")).to_be_visible()


def test_signing_out_ends_it(page: Page) -> None:
    page.get_by_role("button", name="Sign out").press("Enter")
    expect(page.get_by_role("heading", name="Sign in to the fleet")).to_be_visible()
    page.goto(page.url.replace("/login", "/fleet"))
    expect(page.locator("body")).to_contain_text("You need a link that signs you in")


def test_a_token_is_not_revoked_by_one_slip_of_the_mouse(page: Page) -> None:
    page.get_by_label("An API token named").fill("till")
    page.get_by_role("button", name="Make it", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Copy this token now")
    row = page.get_by_role("row", name="till")
    row.get_by_text("Revoke", exact=True).click()
    expect(row.get_by_role("button", name="Revoke it for good")).to_be_visible()
    expect(row).not_to_contain_text("revoked")
    row.get_by_role("button", name="Revoke it for good").press("Enter")
    expect(page.get_by_role("row", name="till")).to_contain_text("revoked")


@pytest.mark.parametrize("width", [360, 800, 1100, 1280])
def test_whoever_waits_can_be_approved_however_wide_the_window_is(
    page: Page, waiting_with_long_names: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.reload()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for verb in ("Approve", "Refuse"):
        box = page.get_by_role("button", name=f"{verb} {waiting_with_long_names}").bounding_box()
        assert box
        assert box["x"] + box["width"] <= width
    boxes = [each.bounding_box() for each in page.locator("input[name=scopes]").all()]
    assert len({(box["width"], box["height"]) for box in boxes if box}) == 1  # none is squeezed


def test_on_a_phone_every_field_is_wide_enough_to_read_what_is_typed(page: Page) -> None:
    page.set_viewport_size({"width": 375, "height": 700})
    fields = page.locator("input:not([type=hidden]):not([type=checkbox])").all()
    boxes = [box for field in fields if field.is_visible() and (box := field.bounding_box())]
    assert len(boxes) > 8
    for box in boxes:
        assert box["width"] >= 100
        assert box["x"] + box["width"] <= 350
