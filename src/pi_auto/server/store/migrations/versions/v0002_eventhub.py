"""Which server reads which partition of an event hub, and how far its events are booked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_LENGTHS = {"namespace": 253, "eventhub": 256, "consumer_group": 256, "partition": 32}


def upgrade() -> None:
    """Make both tables."""
    _table(
        "eventhub_ownerships",
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("etag", sa.String(length=36), nullable=False),
        sa.Column("modified", sa.Float(), nullable=False),
    )
    _table(
        "eventhub_checkpoints",
        sa.Column("sequence_number", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.String(length=64), nullable=False),
    )


def _table(name: str, *columns: sa.Column[object]) -> None:
    key = [sa.Column(part, sa.String(length=length), nullable=False) for part, length in _LENGTHS.items()]
    op.create_table(name, *key, *columns, sa.PrimaryKeyConstraint(*_LENGTHS, name=op.f(f"pk_{name}")))
