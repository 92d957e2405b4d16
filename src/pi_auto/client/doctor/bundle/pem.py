"""Takes keys and certificates in PEM form out of text, also where a line of a log holds one, or a half. Pure."""

from __future__ import annotations

import re

_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{1,40}-----")
_END = re.compile(r"-----END [A-Z0-9 ]{1,40}-----")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}\Z")
_LEAST = 16  # characters of a line of base64; a shorter one is known by its `=`


def without_pem(text: str, gone: str) -> str:
    """The text with `gone` where they stood. A line is kept as far as it stands before them."""
    if "-----" not in text:
        return text
    forward = _from_marks(text.split("\n"), _BEGIN, _END, gone)
    # What was cut off at its beginning is known by its end, and eaten upwards.
    backward = _from_marks(forward[::-1], _END, _BEGIN, gone)
    return "\n".join(backward[::-1])


def _from_marks(lines: list[str], opening: re.Pattern[str], closing: re.Pattern[str], gone: str) -> list[str]:
    """The lines with all gone between an opening mark and what closes it: its mark, or a line of another kind."""
    kept, inside = [], False
    for line in lines:
        mark = opening.search(line)
        if mark:
            inside = not closing.search(line)
            kept.append((line[: mark.start()] if opening is _BEGIN else "") + gone)
        elif inside and (closing.search(line) or _is_base64(line)):
            inside = not closing.search(line)
            kept.append(gone)
        else:
            inside = False
            kept.append(line)
    return kept


def _is_base64(line: str) -> bool:
    last = (line.split() or [""])[-1]
    return bool(_BASE64.match(last)) and (len(last) >= _LEAST or last.endswith("="))
