"""`pi-auto-client parse`: the words and the JSON of it."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

from pi_auto.client.capture.meaning.parse import parse
from pi_auto.client.cli import main


def told(received: str) -> dict[str, object]:
    out = io.StringIO()
    assert parse(received, out, as_json=True) == 0
    answer = json.loads(out.getvalue())
    assert isinstance(answer, dict)
    return answer


def said(received: str) -> str:
    out = io.StringIO()
    assert parse(received, out, as_json=False) == 0
    return out.getvalue()


def test_the_json_has_every_key_whatever_the_code() -> None:
    assert told("hello") == {
        "text": "hello",
        "aim": None,
        "symbology": None,
        "gtin": None,
        "check_digit_ok": None,
        "elements": {},
        "titles": {},
        "problems": [],
    }


@pytest.mark.parametrize("separator", ["\x1d", r"\x1d"])
def test_the_separator_may_be_written_as_four_characters(separator: str) -> None:
    answer = told(f"]C1010805373409344410L1{separator}17260230")
    assert answer["elements"] == {"01": "08053734093444", "10": "L1", "17": "260230"}
    assert answer["titles"] == {"01": "GTIN", "10": "BATCH/LOT", "17": "USE BY or EXPIRY"}
    assert answer["problems"] == ["AI 17 (USE BY or EXPIRY) is '260230': day 30 does not exist in that month"]


TRAPS: list[tuple[str, str, str | None, str | None, bool | None]] = [
    # received, text, symbology, GTIN, whether the check digit holds
    ("]E004252614", "04252614", "upc-e", "00042100005264", True),
    ("]E404252614", "04252614", "ean-8", None, False),
    ("04252614", "04252614", "upc-e", "00042100005264", True),
    ("4006381333931", "4006381333931", "ean-13", "04006381333931", True),
    ("4006381333932", "4006381333932", "ean-13", None, False),
    ("0012345678905", "0012345678905", "ean-13", "00012345678905", True),
    ("]C0000123", "000123", "code-128", None, None),
    ("]A00012", "0012", "code-39", None, None),
]


@pytest.mark.parametrize(("received", "text", "symbology", "gtin", "holds"), TRAPS)
def test_numbers_of_retail_are_told_as_they_are_with_their_leading_zeros(
    capsys: pytest.CaptureFixture[str],
    received: str,
    text: str,
    symbology: str | None,
    gtin: str | None,
    holds: bool | None,
) -> None:
    assert main(["parse", received, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    expected: dict[str, object] = {
        "text": text,
        "symbology": symbology,
        "gtin": gtin,
        "check_digit_ok": holds,
        "elements": {},
    }
    assert {key: answer[key] for key in expected} == expected
    assert ("check digit" in " ".join(answer["problems"])) or holds is not False


def test_a_person_is_told_fields_by_their_names() -> None:
    assert said(r"]C1010805373409344410L1\x1d17260230") == (
        "text            010805373409344410L1\\x1d17260230\n"
        "AIM identifier  ]C1\n"
        "symbology       gs1-128\n"
        "GTIN            08053734093444\n"
        "check digit     holds\n"
        "(01)            08053734093444   GTIN\n"
        "(10)            L1   BATCH/LOT\n"
        "(17)            260230   USE BY or EXPIRY\n"
        "problem         AI 17 (USE BY or EXPIRY) is '260230': day 30 does not exist in that month\n"
    )


def test_a_code_cannot_drive_the_terminal() -> None:
    assert "\x1b" not in said("]C110\x1b[2J\x1d99\x07")


def test_the_command_ends_well_whatever_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parse", "4006381333932", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["check_digit_ok"] is False
    assert main(["parse", "--", "-12"]) == 0


@pytest.mark.parametrize("arguments", [["parse"], ["parse", "a", "b"], ["parse", "--wrong", "a"]])
def test_a_command_line_that_cannot_be_used_ends_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)


def test_standard_input_is_read_byte_for_byte_without_its_line_end() -> None:
    script = "import sys; from pi_auto.client.cli import main; sys.exit(main(['parse', '-', '--json']))"
    run = subprocess.run(
        [sys.executable, "-c", script], input=b"]d210L1\x1d99\xff\r\n", check=True, capture_output=True
    )
    answer = json.loads(run.stdout)
    assert (answer["aim"], answer["elements"]) == ("]d2", {"10": "L1", "99": "\udcff"})


def test_a_standard_input_that_is_closed_is_a_sentence() -> None:
    script = "import os, sys; from pi_auto.client.cli import main; sys.exit(main(['parse', '-']))"
    command = ["/bin/sh", "-c", 'exec "$0" -c "$1" <&-', sys.executable, script]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert "there is no standard input" in run.stderr
