"""Whether windows count is a roll-out's matter: no release was ever marked as mandatory by itself."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop the mark."""
    op.drop_column("releases", "mandatory")
