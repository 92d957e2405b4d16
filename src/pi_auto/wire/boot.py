"""Which boot of a device speaks, beside its token: of one key two boots in turns are two devices. Pure.

Batches, heartbeats and signed requests say it in their bodies; calls that have none, or one that is a file, here.
"""

from __future__ import annotations

from pi_auto.wire.fields import UUID_FORM

HEADER = "X-Boot-Id"


def boot_in(header: str | None) -> str | None:
    """The boot that a header names; None where it names none, as those of older devices."""
    return header if header and UUID_FORM.match(header) else None
