"""Puts into a scan what its code means, before it is stored: the clerk's work, for the reader has no time.

A draft goes in as the reader made it, with the text as it was received; it comes out with the AIM
identifier cut off the text and kept beside it. What cannot be interpreted is stored all the same.
"""

from __future__ import annotations

import logging

from pi_auto.client.capture.meaning.meaning import meaning_of
from pi_auto.client.spool.drafts import Draft, ScanDraft
from pi_auto.frozen import replace

_log = logging.getLogger("pi_auto.capture")


def interpreted(draft: Draft) -> Draft:
    """The draft with the meaning of its code; an incident as it is."""
    if not isinstance(draft, ScanDraft):
        return draft
    try:
        meaning = meaning_of(draft.text, draft.aim)
    except Exception:  # noqa: BLE001 - advice is never worth a scan
        _log.exception("a code could not be interpreted, and is stored as it came: uuid=%s", draft.uuid)
        return draft
    return replace(
        draft,
        text=meaning.text,
        aim=meaning.aim,
        symbology=meaning.symbology,
        gtin=meaning.gtin,
        check_digit_ok=meaning.check_digit_ok,
    )
