"""Connections of devices as the hub orders them, and their time online for each day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pi_auto.server.store.columns import Moment

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Widen the devices and make both tables."""
    for name in ("connected_at", "disconnected_at"):
        op.add_column("devices", sa.Column(name, Moment(), nullable=True))
    op.add_column("devices", sa.Column("connection_order", sa.String(length=64), nullable=True))
    op.add_column("devices", sa.Column("connects", sa.JSON(), nullable=True))
    _table(
        "online_spans",
        ("device_id", "way"),
        sa.Column("way", sa.String(length=3), nullable=False),
        sa.Column("through", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=True),
    )
    _table(
        "device_days",
        ("device_id", "day", "way"),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("way", sa.String(length=3), nullable=False),
        sa.Column("online_ms", sa.BigInteger(), nullable=False),
        sa.Column("connects", sa.Integer(), nullable=False),
    )
    op.create_index(op.f("ix_device_days_day"), "device_days", ["day"], unique=False)


def _table(name: str, key: tuple[str, ...], *columns: sa.Column[object]) -> None:
    op.create_table(
        name,
        sa.Column("device_id", sa.String(length=63), nullable=False),
        *columns,
        sa.ForeignKeyConstraint(["device_id"], ["devices.device_id"], name=op.f(f"fk_{name}_device_id_devices")),
        sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{name}")),
    )
