"""Old clients: where they are served, who has asked, and which scans are theirs."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from pi_auto.server.store.columns import Moment

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, and mark nothing: whoever is in the books already is no old client of this mode."""
    for table in ("devices", "scans"):
        op.add_column(table, sa.Column("legacy", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "legacy_networks",
        _text("network", 64), _text("opened_by", 128), _moment("opened_at", nullable=False),
        _moment("expires_at", nullable=False), _moment("closed_at"),
        sa.PrimaryKeyConstraint("network", name=op.f("pk_legacy_networks")),
    )  # fmt: skip
    op.create_table(
        "legacy_devices",
        _text("named_id", 63), _text("hub_id", 63), _text("address", 64),
        _text("other_address", 64, nullable=True), _text("network", 64),
        sa.Column("system_info", sa.JSON(), nullable=False), _text("client_version", 64),
        _moment("first_at", nullable=False), _moment("last_at", nullable=False),
        _text("approved_by", 128, nullable=True), _moment("approved_at"), _moment("refused_at"),
        _moment("issued_at"), sa.Column("issues", sa.Integer(), nullable=False),
        sa.Column("hub_enabled", sa.Boolean(), nullable=True), _text("migrate_by", 128, nullable=True),
        _text("update_said", 16, nullable=True), _moment("update_said_at"),
        sa.Column("scans", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("named_id", name=op.f("pk_legacy_devices")),
        sa.UniqueConstraint("hub_id", name=op.f("uq_legacy_devices_hub_id")),
    )  # fmt: skip
    for column in ("network", "last_at"):
        op.create_index(op.f(f"ix_legacy_devices_{column}"), "legacy_devices", [column], unique=False)


def _text(name: str, length: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=nullable)


def _moment(name: str, *, nullable: bool = True) -> sa.Column[Any]:
    return sa.Column(name, Moment(), nullable=nullable)
