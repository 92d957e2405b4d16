"""What a code means is stored with its scan, and never at the price of the scan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pi_auto.client.capture.interpreting import interpreted
from pi_auto.client.spool.drafts import ScanDraft
from pi_auto.wire.scan import Scan
from support.spools import draft, filled, held, lost


def test_a_scan_is_stored_with_what_its_code_means(tmp_path: Path) -> None:
    spool = filled(tmp_path)
    spool.append([interpreted(draft("]E04006381333931"))])
    spool.close()
    (scan,) = held(tmp_path)
    assert isinstance(scan, Scan)
    assert (scan.aim, scan.symbology, scan.gtin, scan.check_digit_ok) == ("]E0", "ean-13", "04006381333931", True)


def test_the_identifier_is_cut_off_the_text_and_stays_in_the_bytes() -> None:
    told = interpreted(draft("]C1010805373409344410L1"))
    assert isinstance(told, ScanDraft)
    assert (told.text, told.raw) == ("010805373409344410L1", b"]C1010805373409344410L1")


def test_an_identifier_that_came_beside_the_data_is_kept() -> None:
    told = interpreted(replace(draft("4006381333931"), aim="]E0"))
    assert isinstance(told, ScanDraft)
    assert (told.text, told.aim, told.symbology) == ("4006381333931", "]E0", "ean-13")


def test_a_bad_check_digit_filters_nothing() -> None:
    told = interpreted(draft("4006381333932"))
    assert isinstance(told, ScanDraft)
    assert (told.text, told.gtin, told.check_digit_ok) == ("4006381333932", None, False)


def test_all_else_of_a_draft_is_as_it_was() -> None:
    before = replace(draft("]Q1hello"), repeat_of="0b8f3c1e-8f0e-4a53-9f37-0d6b8a3d0c11")
    after = interpreted(before)
    assert after == replace(before, text="hello", aim="]Q1", symbology="qr-code")


def test_an_incident_means_nothing() -> None:
    incident = lost()
    assert interpreted(incident) is incident


def test_a_code_that_cannot_be_interpreted_is_stored_as_it_came(caplog: pytest.LogCaptureFixture) -> None:
    unheard_of: Any = 5  # no reader gives such an identifier
    before = replace(draft("]E04006381333931"), aim=unheard_of)
    assert interpreted(before) == before
    assert "stored as it came" in caplog.text
    assert "4006381333931" not in caplog.text
