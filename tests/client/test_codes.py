"""`pi-auto-client calibration-sheet`: where the sheet goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_auto.client.cli import main
from pi_auto.sheet.printing import printed


@pytest.mark.parametrize(("name", "form"), [("sheet.svg", "svg"), ("sheet.pdf", "pdf"), ("SHEET.SVG", "svg")])
def test_the_ending_of_the_name_says_how_the_sheet_is_written(tmp_path: Path, name: str, form: str) -> None:
    assert main(["calibration-sheet", "--output", str(tmp_path / name)]) == 0
    assert (tmp_path / name).read_bytes() == printed(form)[1]


def test_without_a_name_the_sheet_is_a_pdf_right_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["calibration-sheet"]) == 0
    assert (tmp_path / "calibration-sheet.pdf").read_bytes().startswith(b"%PDF-")


def test_another_ending_is_refused_with_those_that_are_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["calibration-sheet", "--output", str(tmp_path / "sheet.png")]) == 2
    assert "allowed: a name that ends in .pdf or .svg" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"no/sheet\.svg: No such file or directory"):
        main(["calibration-sheet", "--output", str(tmp_path / "no/sheet.svg")])
