"""GS1 Digital Links: which addresses are some, and what they hold."""

from __future__ import annotations

import pytest

from pi_auto.client.capture.meaning.meaning import meaning_of

GTIN = "08053734093444"

LINKS = [
    (f"https://id.gs1.org/01/{GTIN}", {"01": GTIN}),
    (f"http://example.com/01/{GTIN}/10/L1/21/S1", {"01": GTIN, "10": "L1", "21": "S1"}),
    (f"HTTPS://Example.com:8443/shop/de/01/{GTIN}/", {"01": GTIN}),
    (f"https://example.com/01/{GTIN}?17=261231&linkType=gs1:pip", {"01": GTIN, "17": "261231"}),
    (f"https://example.com/01/{GTIN}/10/L%2F1%20#top", {"01": GTIN, "10": "L/1 "}),
    ("https://example.com/01/8053734093444", {"01": GTIN}),
    ("https://example.com/00/106141412345678908?02=08053734093444&37=5", {
        "00": "106141412345678908", "02": GTIN, "37": "5",
    }),
    ("https://example.com/8004/0614141AB/7040/1ABC", {"8004": "0614141AB", "7040": "1ABC"}),
    (f"https://example.com/01/{GTIN}/21/01", {"01": GTIN, "21": "01"}),
]  # fmt: skip


@pytest.mark.parametrize("aim", ["", "]Q1", "]d1"])
@pytest.mark.parametrize(("uri", "expected"), LINKS)
def test_a_digital_link_of_any_domain_is_read_to_named_fields(
    aim: str, uri: str, expected: dict[str, str]
) -> None:
    meaning = meaning_of(aim + uri)
    assert meaning.text == uri
    assert meaning.elements == expected
    assert meaning.symbology == {"": None, "]Q1": "qr-code", "]d1": "data-matrix"}[aim]
    assert meaning.check_digit_ok is True or "8004" in expected


OTHERS = [
    "https://example.com/",
    "https://example.com",
    "https:///01/08053734093444",
    "https://example.com/01/abc",
    "https://example.com/01/08053734093444/edit",
    "https://example.com/10/08053734093444",
    "https://example.com/2026/11/25/news",
    "https://example.com/?01=08053734093444",
    "ftp://example.com/01/08053734093444",
    "http://",
    "https://example.com/01//08053734093444",
]


@pytest.mark.parametrize("uri", OTHERS)
def test_other_addresses_are_addresses(uri: str) -> None:
    meaning = meaning_of(f"]Q1{uri}")
    assert (meaning.symbology, meaning.elements, meaning.problems) == ("qr-code", {}, ())


WRONG = [
    ("https://example.com/01/08053734093445", "its check digit is 5; by the others it would be 4"),
    (f"https://example.com/01/{GTIN}?17=260230", "day 30 does not exist in that month"),
    (f"https://example.com/01/{GTIN}/21/S/10/L", "AI 01 is followed by 22/10/21 or 235, not by 21/10"),
    ("https://example.com/00/106141412345678908/10/L", "AI 00 is followed by nothing, not by 10"),
    (f"https://example.com/01/{GTIN}?21=S1", "AI 21 belongs in the path, not behind the question mark"),
    (f"https://example.com/01/{GTIN}/10/%FF", "other than characters of GS1's set 82"),
]


@pytest.mark.parametrize(("uri", "problem"), WRONG)
def test_what_is_wrong_with_a_digital_link_is_told(uri: str, problem: str) -> None:
    meaning = meaning_of(uri)
    assert meaning.elements
    assert any(problem in told for told in meaning.problems)


@pytest.mark.parametrize(
    "uri", ["http://a/" + "01/" * 2700, f"http://a/01/{GTIN}?" + "10=a&" * 2000, "http://" * 1000]
)
def test_hostile_addresses_are_looked_at_and_let_go(uri: str) -> None:
    assert len(meaning_of(uri).problems) <= 20
