"""A drawing as PDF: one page, black rectangles, and text in Helvetica, which every reader has.

Source: ISO 32000-1: objects, a table of where each begins, and a trailer.
"""

from __future__ import annotations

from pi_auto.sheet.drawing import HEIGHT, WIDTH, Drawing

TYPE = "application/pdf"
_POINTS = 72 / 25.4  # in a millimetre
_FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"


def as_pdf(drawing: Drawing) -> bytes:
    """The document."""
    content = _content(drawing)
    box = f"[0 0 {_points(WIDTH)} {_points(HEIGHT)}]".encode()
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox %s /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>"
        % box,
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        _FONT,
        b"<< /Title (%s) >>" % _string(drawing.title),
    )
    return _file(objects)


def _file(objects: tuple[bytes, ...]) -> bytes:
    body, places = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    return body + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n"
        b"<< /Size %d /Root 1 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (count, table, count, len(objects), len(body))
    )


def _content(drawing: Drawing) -> bytes:
    """PDF counts upwards from the bottom."""
    bars = [(each.x, HEIGHT - each.y - each.height, each.width, each.height) for each in drawing.rectangles]
    drawn = [f"{' '.join(map(_points, bar))} re f".encode() for bar in bars]
    for line in drawing.lines:
        place = f"{_points(line.x)} {_points(HEIGHT - line.y)} Td".encode()
        drawn.append(b"BT /F %s Tf %s (%s) Tj ET" % (_points(line.size).encode(), place, _string(line.text)))
    return b"\n".join(drawn)


def _string(text: str) -> bytes:
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return escaped.encode("cp1252")  # WinAnsiEncoding


def _points(millimetres: float) -> str:
    return f"{millimetres * _POINTS:.3f}".rstrip("0").rstrip(".")
