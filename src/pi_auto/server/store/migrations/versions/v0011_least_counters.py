"""From which release on each may be taken; filled from what is signed at the next start (releases/entering.py)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it."""
    op.add_column("releases", sa.Column("least_counter", sa.BigInteger(), server_default="0", nullable=False))
