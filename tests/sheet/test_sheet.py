"""The calibration sheet: what a real decoder reads off it, as SVG and as PDF."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
import zxingcpp

from pi_auto.sheet.calibration import calibration_sheet
from pi_auto.sheet.calibration_text import TEXT as CALIBRATION_TEXT
from pi_auto.sheet.code128 import QUIET_ZONE, widths
from pi_auto.sheet.drawing import HEIGHT, WIDTH, Drawing, Line, Rectangle
from pi_auto.sheet.pdf import as_pdf
from pi_auto.sheet.printing import FORMS, printed
from pi_auto.sheet.svg import as_svg

SVG = "{http://www.w3.org/2000/svg}"
DOTS = 4  # in a millimetre, of the picture that is decoded
BAND = 40  # its height in dots


def decoded(areas: list[Rectangle]) -> list[tuple[str, str]]:
    """What zxing-cpp reads in a picture of the areas: symbology and text."""
    row = bytearray(b"\xff" * round(WIDTH * DOTS))
    for area in areas:
        left, right = round(area.x * DOTS), round((area.x + area.width) * DOTS)
        row[left:right] = bytes(right - left)
    picture = memoryview(bytes(row * BAND)).cast("B", shape=[BAND, len(row)])
    return [(code.format.name, code.text) for code in zxingcpp.read_barcodes(picture)]


def areas_of_svg(content: bytes) -> list[Rectangle]:
    root = ET.fromstring(content)  # noqa: S314 - our own
    rectangles = root.iterfind(f"{SVG}g/{SVG}rect")
    return [
        Rectangle(*(float(each.attrib[name]) for name in ("x", "y", "width", "height"))) for each in rectangles
    ]


def areas_of_pdf(content: bytes) -> list[Rectangle]:
    numbers = re.findall(rb"^([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+) re f$", content, re.MULTILINE)
    return [Rectangle(*(float(number) * 25.4 / 72 for number in each)) for each in numbers]


def test_a_decoder_reads_the_calibration_code_off_the_svg() -> None:
    assert decoded(areas_of_svg(printed("svg")[1])) == [("Code128", CALIBRATION_TEXT)]


def test_a_decoder_reads_the_calibration_code_off_the_pdf() -> None:
    assert decoded(areas_of_pdf(printed("pdf")[1])) == [("Code128", CALIBRATION_TEXT)]


ASCII = "".join(map(chr, range(32, 127)))


@pytest.mark.parametrize("text", [ASCII[at : at + 12] for at in range(0, len(ASCII), 12)] + ["'\\#:", "A", "0000"])
def test_a_decoder_reads_every_character_that_code_128_is_drawn_for(text: str) -> None:
    edges, at = [], 10.0
    for number, width in enumerate(widths(text)):
        if number % 2 == 0:
            edges.append(Rectangle(at, 0, width / 2, 10))
        at += width / 2
    assert decoded(edges) == [("Code128", text)]


@pytest.mark.parametrize("text", ["é", "\n", "\x7f", "😀"])
def test_what_code_set_b_has_no_character_for_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be drawn; allowed: the printable characters of ASCII"):
        widths(text)


def test_all_of_the_sheet_lies_on_a4_and_on_letter_with_room_around_the_code() -> None:
    drawing = calibration_sheet()
    module = min(each.width for each in drawing.rectangles)
    left = min(each.x for each in drawing.rectangles)
    right = max(each.x + each.width for each in drawing.rectangles)
    assert left >= QUIET_ZONE * module
    assert right <= WIDTH - QUIET_ZONE * module
    assert max(line.y for line in drawing.lines) < min(HEIGHT, 279.4) - 10


def test_the_sheet_says_how_to_use_it() -> None:
    words = " ".join(line.text for line in calibration_sheet().lines)
    assert "Scan this code once" in words
    assert "pi-auto-client scanners" in words


def test_every_object_of_the_pdf_lies_where_its_table_says() -> None:
    content = printed("pdf")[1]
    start = int(content.rsplit(b"startxref\n", 1)[1].split()[0])
    assert content[start:].startswith(b"xref\n")
    places = [int(place) for place in re.findall(rb"(\d{10}) 00000 n ", content[start:])]
    assert [content[place:].split(b" obj")[0] for place in places] == [b"%d 0" % n for n in range(1, 7)]
    length = int(content.split(b"/Length ")[1].split()[0])
    assert content.split(b"stream\n")[1].removesuffix(b"\nend") == content.split(b"stream\n")[1][:length]


def test_text_that_means_something_to_svg_or_pdf_is_escaped() -> None:
    drawing = Drawing("<&", (), (Line(1, 2, 3, "(a\\b) <c> & “d”"),))
    texts = ET.fromstring(as_svg(drawing)).iterfind(f"{SVG}g/{SVG}text")  # noqa: S314 - our own
    assert [each.text for each in texts] == ["(a\\b) <c> & “d”"]
    assert b"(\\(a\\\\b\\) <c> & \x93d\x94) Tj" in as_pdf(drawing)


@pytest.mark.parametrize("form", FORMS)
def test_the_same_bytes_are_drawn_every_time(form: str) -> None:
    assert printed(form) == printed(form)
