"""Takes secrets, and barcodes unless they are wanted, out of text that leaves the device. Pure.

The device's own secrets are known, and looked for as they are. Whatever else looks like one goes as
well: better a word too many. A labelled one is taken with the rest of its line, for passwords hold
blanks. No pattern may take longer than in proportion to the text, since barcodes are in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from pi_auto.client.doctor.bundle.pem import without_pem

GONE = "(redacted)"
MASKED = "(masked)"
_SHORTEST = 6  # characters: what is shorter would be found in innocent words
_LABELS = r"pass(?:word|phrase|wd|code)?|pwd|psk|secret|token|api[_-]?key|private[_-]?key|claim|pin"

_PATTERNS = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (r"\bWIFI:\s*[a-z]{1,3}:.*", f"WIFI:{GONE}"),
        (r"\bPIAUTO:\s*1.*", f"PIAUTO:{GONE}"),
        (r"SharedAccessSignature\b.*", f"SharedAccessSignature {GONE}"),
        (r"SharedAccessKey(?:=|:|%3D|[\"']).*", f"SharedAccessKey={GONE}"),
        (r"\b(Bearer|Basic)\s+[^\s\"']+", rf"\1 {GONE}"),
        (rf"({_LABELS})([\"']?\s*[=:]).*", rf"\1\2 {GONE}"),
        (r"\b(batch|once)_[\w-]{43}", rf"\1_{GONE}"),
        (r"\b(sig|signature|key)=[^\s&;\"']+", rf"\1={GONE}"),
        (r"://\S{0,256}@", f"://{GONE}@"),
        (r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", GONE),
    )
)
_BARCODES = (
    (re.compile(r"\btext=.*"), f"text={MASKED}"),
    (re.compile(r"(barcode set aside: [^=]*=\d+ uuid=\S+ reason=).*"), rf"\1{MASKED}"),
    (re.compile(r"\b(text|raw|gtin) is .*"), rf"\1 is {MASKED}"),
)
_BARCODE_KEYS = frozenset(("text", "raw", "gtin", "aim", "body"))
_BASE64 = re.compile(r"(?<![\w+/])[A-Za-z0-9+/]{40,}={0,2}")


class Redactor:
    """Cleans text of `secrets` as they are, of what looks like one, and of barcodes unless `with_barcodes`."""

    def __init__(self, secrets: Iterable[str], *, with_barcodes: bool) -> None:
        forms = {form for secret in secrets for form in (secret, quote(secret, safe="")) if len(form) >= _SHORTEST}
        longest_first = sorted(forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        self._patterns = _PATTERNS if with_barcodes else _PATTERNS + _BARCODES
        self._hidden = frozenset[str]() if with_barcodes else _BARCODE_KEYS

    def text(self, text: str) -> str:
        """The text without them."""
        text = without_pem(self._known.sub(GONE, text), GONE)
        for pattern, replacement in self._patterns:
            text = pattern.sub(replacement, text)
        return _BASE64.sub(lambda found: GONE if _is_random(found[0]) else found[0], text)

    def value(self, value: Any) -> Any:
        """A JSON value in which every string is cleaned, and what stands under the name of a secret is gone."""
        if isinstance(value, dict):
            return {self.text(str(key)): self._field(str(key), inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(inner) for inner in value]
        return self.text(value) if isinstance(value, str) else value

    def _field(self, key: str, inner: Any) -> Any:
        if inner is None or isinstance(inner, bool | dict | list | tuple):
            return MASKED if key in self._hidden and inner else self.value(inner)
        if key in self._hidden:
            return MASKED
        is_secret = self.text(f"{key}={inner}") != f"{key}={self.text(str(inner))}"
        return GONE if is_secret else self.value(inner)


def _is_random(run: str) -> bool:
    """Whether a run of base64 letters is no path and no word: it has capitals, small letters and digits."""
    return any(map(str.isdigit, run)) and any(map(str.islower, run)) and any(map(str.isupper, run))
