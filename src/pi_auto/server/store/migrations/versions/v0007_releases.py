"""Releases, and the steps of an update that a device tells of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pi_auto.server.store.columns import Moment

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and widen what is told; nothing has been released."""
    op.create_table(
        "releases",
        sa.Column("counter", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("target", sa.String(256), nullable=False),
        sa.Column("update_id", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("mandatory", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("published_at", Moment(), nullable=False),
        sa.Column("published_by", sa.String(128), nullable=False),
        sa.Column("withdrawn_at", Moment()),
        sa.Column("withdrawn_by", sa.String(128)),
        sa.PrimaryKeyConstraint("counter", name=op.f("pk_releases")),
        sa.UniqueConstraint("version", name=op.f("uq_releases_version")),
        sa.UniqueConstraint("update_id", name=op.f("uq_releases_update_id")),
    )
    for name, kind in (
        ("step", sa.String(16)), ("update_id", sa.String(64)), ("percent", sa.BigInteger()), ("reason", sa.Text()),
    ):  # fmt: skip
        op.add_column("update_reports", sa.Column(name, kind, nullable=True))
