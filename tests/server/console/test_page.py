from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from sqlalchemy import insert

from pi_auto.server.console.queries import MOST_DEVICES, MOST_OF_DEVICE, MOST_SCANS
from pi_auto.server.console.scan_views import MOST_CODE
from pi_auto.server.fleet.tables import device_days
from pi_auto.server.scans.batches import book_batch
from pi_auto.server.scans.booking import Way
from pi_auto.wire.batch import Batch
from pi_auto.wire.escape import printable
from pi_auto.wire.scan import Scanner, Stamp
from support.api import DEVICE, NOW
from support.records import BOOT, SPOOL, incident, scan
from support.site import Site

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HOSTILE = {
    "a script": "<script>alert(1)</script>",
    "an image": "<img src=x onerror=alert(1)>",
    "quotes": "\"'><b onclick='alert(1)'>",
    "a template": "{{ 7 * 7 }}{% raw %}",
    "an entity": "&lt;b&gt; &amp;amp;",
    "line feeds": "one\nid: 1\ndata: {}\n\ntwo\r\n",
    "an escape sequence": "\x1b[2J\x1b]0;owned\x07",
    "a right-to-left override": "\u202egnp.exe",
    "every control": "".join(map(chr, range(1, 32))) + "\x7f\x85\u2028\u2029",
    "the end of a comment": "--></style></title>]]>",
    "beyond the plane": "é漢😀\U000e0041",
    "a backslash": "\\x1b is not an escape",
}


class Reader(HTMLParser):
    """The tags of a page, and the text in the cells of class `what`."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.codes: list[str] = []
        self._in_code = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        inside = [attributes.get("class") for name, attributes in self.tags if name == "td"][-1:] == ["what"]
        self._in_code = tag == "code" and inside
        if self._in_code:
            self.codes.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_code = self._in_code and tag != "code"

    def handle_data(self, data: str) -> None:
        if self._in_code:
            self.codes[-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def words(page: str) -> str:
    """What a person reads."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def sections(page: str) -> list[tuple[str, str]]:
    """The class of each and the id of its title: one without rows has the class none."""
    return re.findall(r'<section class="([^"]*)" aria-labelledby="([^"]*)"', page)


def assert_harmless(page: str) -> None:
    reader = Reader(page)
    assert [set(script) for script in reader.all("script")] == [{"type", "src"}]
    assert not [name for _, attributes in reader.tags for name in attributes if name.startswith("on")]
    assert not [attributes for _, attributes in reader.tags if "style" in attributes]
    assert not reader.all("style")
    assert not [char for char in page if not char.isprintable() and char != "\n"]


def test_an_empty_page_says_how_to_start_a_device(site: Site) -> None:
    page = words(site.page())
    assert "No device yet." in page
    assert "pi-auto-client run --server http://localhost" in page
    assert "No scan yet." in page


def test_a_page_stands_by_itself_without_javascript(site: Site) -> None:
    site.add_device(hostname="goods-in", last_api_at=NOW)
    site.book(scan("4006381333931"))
    page = site.page()
    assert Reader(page).codes == ["4006381333931"]
    assert "goods-in" in page
    assert "<noscript>" in page


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_code_is_shown_as_text(site: Site, text: str) -> None:
    site.add_device()
    site.book(scan(text))
    page = site.page()
    assert Reader(page).codes == [printable(text)]
    assert_harmless(page)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_names_and_reasons_are_shown_as_text(site: Site, text: str) -> None:
    site.add_device(hostname=text, client_version=text, last_api_at=NOW, reported={"queue": {text: text}})
    site.book(scan("1", scanner=Scanner(text, text, text)), incident(reason=text, scanner=Scanner(text)))
    assert_harmless(site.page())


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_whatever_a_heartbeat_tells_is_shown_as_text(site: Site, text: str) -> None:
    names = {text: text, "services": {text: text}, "versions": {text: text}, "ip_addresses": [text]}
    lane = {"waiting": 3, "oldest_age_seconds": 9999}
    site.add_device(
        last_heartbeat_at=NOW,
        reported=names
        | {"scanners": [{"id": text, "name": text, "port": text, "layout": text, "standing": text}]}
        | {"queue": {"trouble": text, "api": lane}, "signal": {"interface": text, "percent": 1}},
    )
    page = site.page()
    assert_harmless(page)
    assert "service down" in words(page)


def test_a_device_that_flaps_is_said_to_and_its_time_online_is_told(site: Site) -> None:
    moment = int(NOW.timestamp() * 1000)
    site.add_device(last_api_at=NOW, connects=[moment - 1000 * n for n in range(6)])
    site.context.writer.submit(
        lambda books: books.execute(
            insert(device_days).values(device_id=DEVICE, way="hub", connects=6, online_ms=12_000_000,
                                       day=NOW.date().isoformat()))
    ).result(10)  # fmt: skip
    page = words(site.page())
    assert "flapping" in page
    assert "3 h 20 min / 3 h 20 min" in page


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_filter_is_given_back_as_a_value_and_nothing_else(site: Site, text: str) -> None:
    answer = site.client.get("/", query_string={"device": text, "text": text})
    reader = Reader(answer.text)
    assert [field["value"] for field in reader.all("input")][1] == text
    assert [set(script) for script in reader.all("script")] == [{"type", "src"}]


def test_a_huge_code_is_cut_and_says_so(site: Site) -> None:
    site.add_device()
    site.book(scan("x" * 8192))
    page = site.page()
    assert Reader(page).codes == ["x" * MOST_CODE]
    assert "of 8,192 characters" in page


def test_an_empty_code_is_told(site: Site) -> None:
    site.add_device()
    site.book(scan(""))
    assert "(empty)" in words(site.page())


@pytest.mark.parametrize("path", ["/", "/live", "/assets/none.js", "/?text=" + "x" * 201, "/live?after=-1"])
def test_every_answer_forbids_what_the_page_does_not_need(site: Site, path: str) -> None:
    headers = site.client.get(path).headers
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"


def test_assets_are_cached_for_ever_under_names_that_hold_their_digest(site: Site) -> None:
    reader = Reader(site.page())
    addresses = [str(each.get("src") or each.get("href")) for each in reader.all("script") + reader.all("link")]
    for address in addresses:
        answer = site.client.get(address)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert site.client.get(address.replace(".", ".0", 1)).status_code == 404
    assert len(addresses) == 3


def test_a_mounted_console_knows_its_own_addresses(site: Site) -> None:
    page = site.client.get("/", base_url="http://localhost/fleet/").text
    assert 'data-live="/fleet/live"' in page
    assert 'src="/fleet/assets/live.' in page
    assert 'href="/fleet/api/scans?format=csv"' in page


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({"last_api_at": NOW - timedelta(seconds=5)}, "online"),
        ({"last_heartbeat_at": NOW - timedelta(seconds=91)}, "late"),
        ({"last_heartbeat_at": NOW - timedelta(seconds=301)}, "offline"),
        ({"last_api_at": NOW, "said_offline_at": NOW}, "offline"),
        ({}, "never seen"),
    ],
)
def test_presence_is_a_word_and_not_a_colour_alone(site: Site, columns: dict[str, Any], word: str) -> None:
    site.add_device(**columns)
    page = site.page()
    assert f"Devices 1 {word}" in words(page)
    assert f"</i>{word}</span>" in page


def test_a_device_shows_when_it_was_last_seen_and_how_long_its_queue_is(site: Site) -> None:
    site.add_device(
        last_api_at=NOW - timedelta(seconds=12), reported={"queue": {"api": {"waiting": 3}, "hub": {"waiting": 7}}}
    )
    page = site.page()
    assert 'title="2026-11-23 12:04:48.000 UTC" data-ago>12 s ago<' in page
    assert '<td class="queue">7</td>' in page


def test_a_scan_shows_each_way_as_it_arrives(site: Site) -> None:
    site.add_device()
    taken = scan(stamp=Stamp(BOOT, 1, NOW - timedelta(milliseconds=35), synced=True))
    site.book(taken)
    assert "API ✓ 35 ms hub ·" in words(site.page())
    site.clock.pass_by(1)
    site.book(taken, way=Way.HUB)
    page = site.page()
    assert "API ✓ 35 ms hub ✓ 1.0 s" in words(page)
    assert "arrived 2026-11-23 12:05:01.000 UTC, 1,035 ms after the scan" in page


_LONG_PAST = Stamp(BOOT, 1, NOW - timedelta(days=400), synced=False)


@pytest.mark.parametrize(
    ("changes", "badge"),
    [
        ({"repeat_of": BOOT}, "repeat"),
        ({"stamp": Stamp(BOOT, 1, NOW, synced=False)}, "unsynced"),
        ({"stamp": Stamp(BOOT, 1, NOW - timedelta(hours=2), synced=True)}, "delayed"),
        ({"stamp": _LONG_PAST, "corrected_time": NOW, "time_error_ms": 800}, "corrected"),
        ({"stamp": _LONG_PAST, "corrected_time": NOW - timedelta(hours=2), "time_error_ms": 10**7}, "corrected"),
    ],
)
def test_what_is_not_ordinary_about_a_scan_has_a_badge(site: Site, changes: dict[str, Any], badge: str) -> None:
    site.add_device()
    site.book(scan(**({"stamp": Stamp(BOOT, 1, NOW, synced=True)} | changes)))
    assert re.findall(r'class="badge[^>]*>([^<]*)<', site.page()) == [badge]


def test_a_corrected_time_is_told_with_its_bound_and_what_the_clock_said(site: Site) -> None:
    site.add_device()
    site.book(scan(stamp=_LONG_PAST, corrected_time=NOW, time_error_ms=800))
    page = site.page()
    assert 'title="2026-11-23 12:05:00.000 UTC"' in page
    assert (
        "clock said 2025-10-19 12:05:00.000 UTC and was set later: this time was worked out, at most 800 ms off"
        in (page.replace("&#39;", "'"))
    )


def test_a_slight_correction_is_nothing_to_look_at(site: Site) -> None:
    site.add_device()
    said = Stamp(BOOT, 1, NOW - timedelta(milliseconds=20), synced=False)
    site.book(scan(stamp=said, corrected_time=NOW, time_error_ms=12))
    assert re.findall(r'class="badge[^>]*>([^<]*)<', site.page()) == []


def test_a_scan_arrives_at_once_where_its_time_is_known_no_better(site: Site) -> None:
    site.add_device()
    said = Stamp(BOOT, 1, NOW, synced=False)
    site.book(scan(stamp=said, corrected_time=NOW + timedelta(milliseconds=9), time_error_ms=12))
    page = site.page()
    assert "API ✓ 0 ms hub ·" in words(page)
    assert "at once: the time of the scan may be 12 ms off" in page


def test_a_scan_sent_again_with_other_content_is_marked_as_a_conflict(site: Site) -> None:
    site.add_device()
    first = scan("1", stamp=Stamp(BOOT, 1, NOW, synced=True))
    site.book(first)
    site.book(scan("2", uuid=first.uuid, stamp=first.stamp))
    page = site.page()
    assert Reader(page).codes == ["1"]
    assert ">conflict<" in page


def test_incidents_are_shown_before_everything_else_for_a_week(site: Site) -> None:
    site.add_device()
    site.book(incident(reason="the kernel dropped events"))
    page = words(site.page())
    assert page.index("Scan lost on pi-1a2b3c4d") < page.index("Devices")
    assert "the kernel dropped events" in page
    site.clock.pass_by(8 * 86400)
    assert "the kernel dropped events" not in site.page()


def test_a_device_that_tells_of_many_incidents_hides_no_other_devices(site: Site) -> None:
    site.add_device("pi-quiet")
    site.add_device("pi-loud")
    site.book(incident(reason="the one that matters"), device_id="pi-quiet")
    site.book(*(incident(number=number) for number in range(1, 101)), device_id="pi-loud")
    page = site.page()
    assert "the one that matters" in page
    assert page.count('<li id="incident-') == 1 + MOST_OF_DEVICE


def test_scans_that_will_never_come_are_told_as_an_incident(site: Site) -> None:
    """Of a device that keeps less than books lack which were restored from a backup."""
    site.add_device()
    batch = Batch(DEVICE, SPOOL, 90, 90, 50, (scan(number=90),))
    site.context.writer.submit(lambda books: book_batch(books, DEVICE, batch, Way.API, site.clock())).result(10)
    page = words(site.page())
    assert page.index("Scans missing on pi-1a2b3c4d") < page.index("Devices")
    assert "numbers 1 to 49 are missing" in page


def test_the_newest_scans_come_first_and_the_page_stays_bounded(site: Site) -> None:
    site.add_device()
    site.book(*(scan(f"code {n}") for n in range(MOST_SCANS + 5)))
    page = site.page()
    assert Reader(page).codes == [f"code {n}" for n in range(MOST_SCANS + 4, 4, -1)]
    assert f"the newest {MOST_SCANS}" in words(page)


def test_a_large_fleet_is_shown_in_part_and_the_page_says_so(site: Site) -> None:
    for n in range(MOST_DEVICES + 1):
        site.add_device(f"pi-{n:08x}")
    page = site.page()
    assert page.count('id="device-') == MOST_DEVICES
    assert f"The first {MOST_DEVICES} by name." in words(page)
    assert f"{MOST_DEVICES} never seen among the first {MOST_DEVICES} of {MOST_DEVICES + 1}" in words(page)
    beyond = f"pi-{MOST_DEVICES:08x}"
    page = site.page(f"?device={beyond}")
    assert re.findall(r'id="device-([^"]*)"', page) == [beyond]
    assert "among the first" not in page


def test_a_filter_for_a_device_that_is_not_there_says_so(site: Site) -> None:
    site.add_device(hostname="goods-in")
    assert ("card none", "devices-title") not in sections(site.page("?device=goods-in"))
    page = site.page("?device=goods-out")
    assert ("card none", "devices-title") in sections(page)
    assert "No such device." in words(page)
    assert "No device yet." not in words(page)


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("", ["b1", "a1"]),
        ("?device=goods-in", ["a1"]),
        (f"?device={DEVICE}", ["a1"]),
        ("?text=b", ["b1"]),
        ("?text=1", ["b1", "a1"]),
        ("?text=%25", []),
        ("?device=unknown", []),
        (f"?device={DEVICE}&text=b", []),
    ],
)
def test_the_filter_works_without_javascript(site: Site, query: str, codes: list[str]) -> None:
    site.add_device(hostname="goods-in")
    site.add_device("pi-5e6f7a8b")
    site.book(scan("a1"))
    site.book(scan("b1"), device_id="pi-5e6f7a8b")
    page = site.page(query)
    assert Reader(page).codes == codes
    assert ("No scan matches." in words(page)) or codes


def test_the_downloads_hold_what_the_filter_shows(site: Site) -> None:
    page = site.page("?device=a%26b&text=%3Cx%3E")
    assert 'href="/api/scans?device=a%26b&amp;text=%3Cx%3E&amp;format=csv"' in page


def test_a_filter_that_is_too_long_is_refused_by_name(site: Site) -> None:
    answer = site.client.get("/?text=" + "x" * 201)
    assert answer.status_code == 400
    assert answer.get_json()["field"] == "text"
    assert answer.get_json()["allowed"] == "at most 200 characters"
