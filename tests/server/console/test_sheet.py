"""The calibration sheet on the server: at its addresses, and linked from the page."""

from __future__ import annotations

import pytest

from pi_auto.sheet.printing import printed
from support.site import Site


@pytest.mark.parametrize("form", ["svg", "pdf"])
def test_the_server_gives_out_the_sheet(site: Site, form: str) -> None:
    answer = site.client.get(f"/calibration-sheet.{form}")
    assert (answer.status_code, answer.content_type, answer.data) == (200, *printed(form))
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_there_is_no_sheet_of_another_kind(site: Site) -> None:
    assert site.client.get("/calibration-sheet.png").status_code == 404


def test_the_page_leads_to_the_sheet(site: Site) -> None:
    assert 'href="/calibration-sheet.pdf"' in site.page()
