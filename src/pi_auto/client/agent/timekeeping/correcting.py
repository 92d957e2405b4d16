"""The time of a scan, where its stamp alone does not tell it. Pure.

A stamp whose clock was set is believed, unless the clock was set anew since and is now known to
have been far off: who set it again knew more. The stamp itself travels as it was stored.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pi_auto.client.agent.timekeeping.boots import Boot
from pi_auto.client.agent.timekeeping.neighbours import MOST_OFF_MS
from pi_auto.wire.scan import MOST_ERROR, Scan


def corrected(scan: Scan, boot: Boot | None) -> Scan:
    """The scan with the time that follows from what is known of its boot, if it needs one and has one."""
    try:
        known = boot.time_of(scan.stamp.boottime_ns) if boot else None
    except OverflowError:  # a stamp may come from anywhere
        return scan
    if known is None:
        return scan
    moment, error_ms = known
    off = abs(moment - scan.stamp.wall_time)
    if error_ms > MOST_ERROR or (scan.stamp.synced and off <= timedelta(milliseconds=MOST_OFF_MS + error_ms)):
        return scan
    return replace(scan, corrected_time=moment, time_error_ms=error_ms)
