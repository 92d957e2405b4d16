from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from pi_auto.server.console.queries import MOST_DEVICES
from pi_auto.wire.escape import printable
from support.api import DEVICE
from support.caller import Caller
from support.conversation import connection_to
from support.server import RunningServer, running_server
from support.site import open_site
from support.waiting import wait_until

SECOND = 1000  # milliseconds, as Playwright counts
HOSTILE = {
    "a script": "<script>alert(1)</script>",
    "an image": "<img src=x onerror=alert(2)>",
    "line feeds and escapes": "one\ntwo\r\n\x1b[31mred\x1b]0;title\x07",
    "a right-to-left override": "\u202egnp.exe",
    "quotes": "\"'></td></tr></table><b onclick=alert(3)>",
}


@dataclass
class Visit:
    """An open page, and everything that went wrong on it."""

    page: Page
    trouble: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        def note_console(message: Any) -> None:
            if message.type in {"error", "warning"}:  # violations of the content security policy come here too
                self.trouble.append(message.text)

        def note_dialog(dialog: Any) -> None:
            self.trouble.append(f"a dialog: {dialog.message}")
            dialog.dismiss()

        self.page.on("console", note_console)
        self.page.on("dialog", note_dialog)
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))

    def enter(self, server: RunningServer, path: str = "/") -> None:
        """Sign in by a link and open a page."""
        secret = server.ask_admin("link")["link"].rpartition("=")[2]
        self.page.goto(f"{server.url}/login?link={secret}")
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(f"{server.url}/")
        if path != "/":
            self.page.goto(server.url + path)

    def codes(self) -> Locator:
        return self.page.locator("#scans .what code")

    def is_said_to_be(self, words: str, within: float = 5) -> None:
        expect(self.page.locator("#connection")).to_have_text(words, timeout=within * SECOND)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def device(server: RunningServer) -> Caller:
    return Caller(server, "pi-1a2b3c4d")


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    with browser.new_context(ignore_https_errors=True) as context:
        yield Visit(context.new_page())


@pytest.fixture
def still_visit(browser: Browser) -> Iterator[Visit]:
    with browser.new_context(java_script_enabled=False, ignore_https_errors=True) as context:
        yield Visit(context.new_page())


def test_a_scan_is_on_the_page_within_a_second_of_its_booking(
    server: RunningServer, device: Caller, visit: Visit
) -> None:
    visit.enter(server)
    visit.is_said_to_be("Live")
    device.scan("4006381333931")
    expect(visit.codes().first).to_have_text("4006381333931", timeout=SECOND)
    device.scan("8053734093444", "8053734093451")
    expect(visit.codes().first).to_have_text("8053734093451", timeout=SECOND)
    expect(visit.page.locator("#scans-count")).to_contain_text("3 new since you opened this page")
    expect(visit.page.locator("#devices .presence")).to_have_text("online")
    assert visit.trouble == []


def test_without_javascript_a_reload_shows_a_new_scan(
    server: RunningServer, device: Caller, still_visit: Visit
) -> None:
    still_visit.enter(server)
    expect(still_visit.page.locator("noscript .hint")).to_be_visible()
    device.scan("seen after reload")
    still_visit.page.reload()
    expect(still_visit.codes().first).to_have_text("seen after reload")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_code_is_shown_as_text_and_does_nothing(
    server: RunningServer, device: Caller, visit: Visit, text: str
) -> None:
    visit.enter(server)
    visit.is_said_to_be("Live")
    device.scan(text)
    device.report(text)
    for _ in ("live", "after a reload"):
        expect(visit.codes().first).to_have_text(printable(text), timeout=SECOND)
        expect(visit.page.locator("#incidents .reason").first).to_have_text(printable(text), timeout=SECOND)
        visit.page.reload()
    assert visit.page.locator("script").count() == 1
    assert visit.trouble == []


def test_a_first_device_replaces_the_words_of_an_empty_page(tmp_path: Path, visit: Visit) -> None:
    with running_server(tmp_path) as server:
        visit.enter(server)
        expect(visit.page.get_by_text("No device yet.")).to_be_visible()
        expect(visit.page.get_by_text("No scan yet.")).to_be_visible()
        visit.is_said_to_be("Live")
        device = Caller(server, "pi-1a2b3c4d", hostname="goods-in")
        expect(visit.page.get_by_text("goods-in")).to_be_visible(timeout=SECOND)
        expect(visit.page.get_by_text("No device yet.")).to_be_hidden()
        device.scan("4006381333931")
        expect(visit.codes()).to_have_text(["4006381333931"], timeout=SECOND)
        expect(visit.page.get_by_text("No scan yet.")).to_be_hidden()
        assert visit.trouble == []


def test_a_page_says_that_its_server_is_gone_and_catches_up_when_it_is_back(tmp_path: Path, visit: Visit) -> None:
    with running_server(tmp_path) as server:
        device = Caller(server, "pi-1a2b3c4d")
        visit.enter(server)
        visit.is_said_to_be("Live")
    visit.is_said_to_be("Reconnecting…")
    with running_server(tmp_path, https=server.https) as again:
        device.server = again
        device.scan("scanned meanwhile")
        expect(visit.codes()).to_have_text(["scanned meanwhile"], timeout=10 * SECOND)
        visit.is_said_to_be("Live")


def test_a_page_whose_session_is_over_says_so_and_where_to_sign_in(server: RunningServer, visit: Visit) -> None:
    looked_at_again = "document.dispatchEvent(new Event('visibilitychange'))"
    visit.enter(server)
    visit.is_said_to_be("Live")
    other = Visit(visit.page.context.new_page())
    other.page.goto(server.url)
    other.page.get_by_role("button", name="Sign out").click()
    expect(other.page.get_by_role("heading", name="Sign in to the fleet")).to_be_visible()
    visit.page.evaluate(looked_at_again)
    visit.is_said_to_be("Signed out: sign in again")
    other.enter(server)
    visit.page.evaluate(looked_at_again)
    visit.is_said_to_be("Live")
    other.page.get_by_role("button", name="Sign out").click()
    expect(other.page.get_by_role("heading", name="Sign in to the fleet")).to_be_visible()
    visit.page.evaluate(looked_at_again)
    visit.page.get_by_role("link", name="Signed out: sign in again").click()
    expect(visit.page.get_by_role("heading", name="Sign in to the fleet")).to_be_visible()


def test_a_page_that_finds_no_seat_polls_and_says_so(tmp_path: Path, visit: Visit) -> None:
    with running_server(tmp_path) as server, ExitStack() as seats:
        wait_until(lambda: _take_seat(seats, server) != 200, 30, "all seats are taken")
        visit.enter(server)
        visit.is_said_to_be("Live, by polling")
        Caller(server, "pi-1a2b3c4d").scan("found by polling")
        expect(visit.codes().first).to_have_text("found by polling", timeout=5 * SECOND)


def test_a_filtered_page_stays_filtered(server: RunningServer, device: Caller, visit: Visit) -> None:
    visit.enter(server, "/?text=wanted")
    visit.is_said_to_be("Live")
    device.scan("wanted 1", "other", "wanted 2")
    expect(visit.codes()).to_have_text(["wanted 2", "wanted 1"], timeout=SECOND)


def test_what_somebody_has_opened_stays_open_while_it_is_renewed(tmp_path: Path, visit: Visit) -> None:
    reported = {"temperature": 48.3, "uptime": 3600, "services": {"<b>x</b>": "active"}}
    with open_site(tmp_path / "data") as site:
        site.add_device(last_heartbeat_at=datetime.now(UTC), reported=reported)
    with running_server(tmp_path, "--heartbeat-interval", "2") as server:
        visit.enter(server)
        visit.is_said_to_be("Live")
        summary = visit.page.locator("#devices summary")
        summary.focus()
        visit.page.keyboard.press("Enter")
        expect(visit.page.get_by_text("<b>x</b> active")).to_be_visible()
        row = visit.page.locator(f"#device-{DEVICE}")
        expect(row).to_have_attribute("data-presence", "late", timeout=30 * SECOND)
        expect(visit.page.get_by_text("48.3 °C")).to_be_visible()
        expect(summary).to_be_focused()
        assert visit.trouble == []


def test_a_page_of_a_large_fleet_goes_on_saying_of_how_many_devices_it_tells(tmp_path: Path, visit: Visit) -> None:
    with open_site(tmp_path / "data") as site:
        for n in range(MOST_DEVICES + 1):
            site.add_device(f"pi-{n:08x}")
    with running_server(tmp_path) as server:
        visit.enter(server)
        visit.is_said_to_be("Live")
        count = visit.page.locator("#devices-count")
        expect(count).to_have_text("200 never seen among the first 200 of 201")
        Caller(server, "pi-00000000").scan("4006381333931")
        expect(count).to_have_text("1 online, 199 never seen among the first 200 of 201")


@pytest.mark.parametrize("width", [360, 800, 1280])
def test_nothing_is_wider_than_the_window(server: RunningServer, device: Caller, visit: Visit, width: int) -> None:
    device.scan("W" * 8000, "é漢😀" * 50)
    visit.page.set_viewport_size({"width": width, "height": 800})
    visit.enter(server)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def _take_seat(seats: ExitStack, server: RunningServer) -> int:
    """Open one more stream, and the status it was answered with."""
    connection = seats.enter_context(connection_to(server))
    head = f"Host: localhost\r\nAuthorization: Bearer {server.operator}\r\nAccept: text/event-stream"
    connection.sendall(f"GET /live HTTP/1.1\r\n{head}\r\n\r\n".encode())
    return int(connection.recv(65536).split(b" ", 2)[1])


def test_a_page_of_one_status_lets_go_of_who_leaves(tmp_path: Path, visit: Visit) -> None:
    with open_site(tmp_path / "data") as site:
        for device_id in ("pi-00000001", "pi-00000002"):
            site.add_device(device_id)
    with running_server(tmp_path) as server:
        visit.enter(server)
        visit.page.get_by_label("Status").select_option("never seen")
        visit.page.get_by_role("button", name="Filter").click()
        visit.is_said_to_be("Live")
        rows = visit.page.locator("#devices tr")
        expect(rows).to_have_count(2)
        Caller(server, "pi-00000002").scan("4006381333931")
        expect(rows).to_have_count(1, timeout=25 * SECOND)  # told at the regular word at the latest
        expect(rows).to_contain_text("pi-00000001")
        Caller(server, "pi-00000001").scan("4006381333931")
        expect(rows).to_have_count(0, timeout=25 * SECOND)
        expect(visit.page.get_by_text("No device has the status never seen.")).to_be_visible()
        assert visit.trouble == []
