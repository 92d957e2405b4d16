"""A drawing as SVG. It names no font, style sheet or script, so no security policy has a say."""

from __future__ import annotations

from html import escape

from pi_auto.sheet.drawing import HEIGHT, WIDTH, Drawing

TYPE = "image/svg+xml"


def as_svg(drawing: Drawing) -> bytes:
    """The page, in UTF-8."""
    bars = "".join(
        f'<rect x="{each.x:g}" y="{each.y:g}" width="{each.width:g}" height="{each.height:g}"/>\n'
        for each in drawing.rectangles
    )
    lines = "".join(
        f'<text x="{each.x:g}" y="{each.y:g}" font-size="{each.size:g}">{escape(each.text)}</text>\n'
        for each in drawing.lines
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH:g}mm" height="{HEIGHT:g}mm" '
        f'viewBox="0 0 {WIDTH:g} {HEIGHT:g}">\n<title>{escape(drawing.title)}</title>\n'
        f'<rect width="100%" height="100%" fill="#fff"/>\n'
        f'<g shape-rendering="crispEdges">\n{bars}</g>\n<g font-family="sans-serif">\n{lines}</g>\n</svg>\n'
    ).encode()
