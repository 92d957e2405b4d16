"""Replaced tokens, times in which two devices had one key, one-time codes, what the hub has still to hear."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pi_auto.server.store.columns import Moment, RowNumber

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    _retired_tokens()
    _clone_spans()
    _binding_codes()
    _hub_wishes()


def _retired_tokens() -> None:
    op.create_table(
        "retired_tokens",
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=63), nullable=False),
        sa.Column("retired_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_retired_tokens")),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.device_id"], name=op.f("fk_retired_tokens_device_id_devices")
        ),
    )
    op.create_index(op.f("ix_retired_tokens_device_id"), "retired_tokens", ["device_id"], unique=False)


def _clone_spans() -> None:
    op.create_table(
        "clone_spans",
        sa.Column("number", RowNumber, nullable=False),
        sa.Column("device_id", sa.String(length=63), nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("noticed_at", Moment(), nullable=False),
        sa.Column("until", Moment(), nullable=True),
        sa.Column("evidence", sa.String(length=32), nullable=False),
        sa.Column("settled_by", sa.String(length=128), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_clone_spans")),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.device_id"], name=op.f("fk_clone_spans_device_id_devices")
        ),
    )
    op.create_index(op.f("ix_clone_spans_device_id"), "clone_spans", ["device_id"], unique=False)


def _binding_codes() -> None:
    op.create_table(
        "binding_codes",
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("serial", sa.String(length=64), nullable=True),
        sa.Column("made_by", sa.String(length=128), nullable=False),
        sa.Column("made_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_binding_codes")),
    )


def _hub_wishes() -> None:
    op.create_table(
        "hub_wishes",
        sa.Column("device_id", sa.String(length=63), nullable=False),
        sa.Column("wish", sa.String(length=8), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("made_at", Moment(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", Moment(), nullable=False),
        sa.Column("claimed_until", Moment(), nullable=True),
        sa.Column("error", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_hub_wishes")),
    )
    op.create_index(op.f("ix_hub_wishes_next_at"), "hub_wishes", ["next_at"], unique=False)
