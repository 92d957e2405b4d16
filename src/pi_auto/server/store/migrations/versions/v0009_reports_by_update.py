"""Reports of updates are found by what they are of."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    op.create_index(op.f("ix_update_reports_update_id"), "update_reports", ["update_id"], unique=False)
