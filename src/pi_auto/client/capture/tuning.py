"""How the keys of one scanner are to be read: what the lookout hands to the reader, which looks nothing up."""

from __future__ import annotations

from pi_auto.client.capture.keys.habits import Habits
from pi_auto.client.capture.keys.layout import US, Layout
from pi_auto.frozen import frozen


@frozen
class Tuning:
    """Its layout, what was learned of it, and whether it may read the calibration code."""

    layout: Layout = US
    habits: Habits | None = None
    calibratable: bool = False


PLAIN = Tuning()
