"""The sheet in the forms that it is given out in, by the ending of a file's name."""

from __future__ import annotations

from collections.abc import Callable

from pi_auto.sheet.calibration import calibration_sheet
from pi_auto.sheet.drawing import Drawing
from pi_auto.sheet.pdf import TYPE as PDF_TYPE
from pi_auto.sheet.pdf import as_pdf
from pi_auto.sheet.svg import TYPE as SVG_TYPE
from pi_auto.sheet.svg import as_svg

_FORMS: dict[str, tuple[str, Callable[[Drawing], bytes]]] = {"pdf": (PDF_TYPE, as_pdf), "svg": (SVG_TYPE, as_svg)}
FORMS = tuple(_FORMS)


def printed(form: str) -> tuple[str, bytes]:
    """The media type and the content of the sheet as one of FORMS. KeyError for any other."""
    media_type, draw = _FORMS[form]
    return media_type, draw(calibration_sheet())
