"""Every table of the books, gathered from the subjects that own them."""

from __future__ import annotations

import pi_auto.server.audit.tables
import pi_auto.server.enrolment.tables
import pi_auto.server.fleet.tables
import pi_auto.server.legacy.tables
import pi_auto.server.links.tables
import pi_auto.server.operators.tables
import pi_auto.server.releases.tables
import pi_auto.server.rollouts.tables
import pi_auto.server.scans.tables  # noqa: F401 - importing a subject's tables adds them to the metadata
from pi_auto.server.store.columns import metadata

__all__ = ["metadata"]
