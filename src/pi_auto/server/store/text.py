"""Text on its way into the books."""

from __future__ import annotations

import re

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """The text as every database holds it: NUL as U+2400, a lone surrogate as U+FFFD. Raw bytes stay exact."""
    if text.isprintable():  # neither of them is, and nearly every text is
        return text
    return _UNSTORABLE.sub(lambda found: "\u2400" if found[0] == "\0" else "\ufffd", text)
