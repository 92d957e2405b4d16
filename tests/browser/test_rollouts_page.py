"""The roll-outs' page in a real browser: a roll-out is paused and resumed by the keyboard alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from support.administrator import say
from support.api import NOW
from support.rollout import NEW, release_row
from support.server import RunningServer, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose roll-out 1 runs."""
    with running_server(tmp_path_factory.mktemp("rollouts"), "--trust", "on", "--https", "127.0.0.1:0") as running:
        books = sqlite3.connect(running.data / "books.sqlite", timeout=10)
        row = release_row(1, NEW) | {"published_at": NOW.replace(tzinfo=None).isoformat(" ", "microseconds")}
        with books:
            marks = ", ".join("?" * len(row))
            books.execute(f"INSERT INTO releases ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))  # noqa: S608 - our own names
        books.close()
        say(running.data, "rollout", "plan", NEW, "--stages", "1%/1d 100%/1d")
        say(running.data, "rollout", "start", "1")
        yield running


@pytest.fixture
def page(server: RunningServer, browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(ignore_https_errors=True)  # the fleet's own authority is none of the browser's
    wrong: list[str] = []
    opened.on("console", lambda said: wrong.append(said.text) if "Security Policy" in said.text else None)
    link = say(server.data, "operator", "link").rpartition("=")[2]
    opened.goto(f"https://localhost:{server.https.rpartition(':')[2]}/login?link={link}")
    opened.get_by_role("button", name="Sign in").press("Enter")
    opened.get_by_role("link", name="Fleet").press("Enter")
    opened.get_by_role("link", name="Roll-outs").press("Enter")
    expect(opened.get_by_role("heading", name="Roll-outs", exact=True)).to_be_visible()
    yield opened
    opened.close()
    assert wrong == []


def test_a_rollout_is_paused_and_resumed_by_the_keyboard_alone(page: Page) -> None:
    page.get_by_label("Pause roll-out 1").press("Enter")
    page.get_by_label("Why").first.fill("the tills beep")
    page.get_by_role("button", name="Pause now").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Paused")
    expect(page.locator("main")).to_contain_text("Paused: the tills beep.")
    page.get_by_role("button", name="Resume roll-out 1").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("It goes on")
    page.get_by_role("link", name="Audit trail").press("Enter")
    expect(page.get_by_role("row", name="rollout resume")).to_contain_text("admin")


@pytest.mark.parametrize("width", [375, 800])
def test_figures_without_a_heading_say_what_they_are(server: RunningServer, page: Page, width: int) -> None:
    say(server.data, "rollout", "plan", NEW)
    page.set_viewport_size({"width": width, "height": 900})
    page.reload()
    row = page.get_by_role("row").filter(has=page.get_by_label("Start roll-out")).first
    told = "cell => getComputedStyle(cell, '::before').content"
    found = [cell.evaluate(told) for cell in row.locator(".num").all()]
    assert found == ['"reached "', '"run it "', '"failed "']


def test_nothing_hangs_out_of_a_narrow_page(page: Page) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    page.reload()
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
