"""The first books: devices, tokens, spools; scans, conflicts, incidents, refusals; cursors; update reports."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pi_auto.server.store.columns import Moment, RowNumber

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    _fleet()
    _scans()
    _others()


def _fleet() -> None:
    op.create_table(
        "devices",
        sa.Column("device_id", sa.String(length=63), nullable=False),
        sa.Column("hostname", sa.String(length=253), nullable=True),
        sa.Column("claim_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("client_version", sa.String(length=64), nullable=False),
        sa.Column("system_info", sa.JSON(), nullable=False),
        sa.Column("registered_at", Moment(), nullable=False),
        sa.Column("last_api_at", Moment(), nullable=True),
        sa.Column("last_heartbeat_at", Moment(), nullable=True),
        sa.Column("said_offline_at", Moment(), nullable=True),
        sa.Column("reported", sa.JSON(), nullable=True),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_devices")),
    )
    op.create_index(op.f("ix_devices_changed"), "devices", ["changed"], unique=False)
    op.create_index(op.f("ix_devices_hostname"), "devices", ["hostname"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=63), nullable=False),
        sa.Column("issued_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.device_id"], name=op.f("fk_tokens_device_id")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_tokens")),
    )
    op.create_index(op.f("ix_tokens_device_id"), "tokens", ["device_id"], unique=False)
    op.create_table(
        "spools",
        sa.Column("device_id", sa.String(length=63), nullable=False),
        sa.Column("spool", sa.String(length=36), nullable=False),
        sa.Column("through", sa.BigInteger(), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.device_id"], name=op.f("fk_spools_device_id")),
        sa.PrimaryKeyConstraint("device_id", "spool", name=op.f("pk_spools")),
    )


def _scans() -> None:
    op.create_table(
        "scans",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("device_id", sa.String(length=63), nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("spool", sa.String(length=36), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("scanner_id", sa.String(length=256), nullable=False),
        sa.Column("scanner_name", sa.String(length=256), nullable=False),
        sa.Column("scanner_port", sa.String(length=256), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("aim", sa.String(length=3), nullable=True),
        sa.Column("symbology", sa.String(length=32), nullable=True),
        sa.Column("gtin", sa.String(length=14), nullable=True),
        sa.Column("check_digit_ok", sa.Boolean(), nullable=True),
        sa.Column("repeat_of", sa.String(length=36), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("boot_id", sa.String(length=36), nullable=False),
        sa.Column("boottime_ns", sa.BigInteger(), nullable=False),
        sa.Column("wall_time", Moment(), nullable=False),
        sa.Column("synced", sa.Boolean(), nullable=False),
        sa.Column("corrected_time", Moment(), nullable=True),
        sa.Column("time_error_ms", sa.BigInteger(), nullable=True),
        sa.Column("scanned_at", Moment(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("api_at", Moment(), nullable=True),
        sa.Column("hub_at", Moment(), nullable=True),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.device_id"], name=op.f("fk_scans_device_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scans")),
        sa.UniqueConstraint("device_id", "uuid", name=op.f("uq_scans_device_id_uuid")),
    )
    op.create_index(op.f("ix_scans_changed"), "scans", ["changed"], unique=False)
    op.create_index("ix_scans_device_id_id", "scans", ["device_id", "id"], unique=False)
    op.create_index("ix_scans_device_scanned", "scans", ["device_id", "scanned_at"], unique=False)
    op.create_index(op.f("ix_scans_received_at"), "scans", ["received_at"], unique=False)
    op.create_index(op.f("ix_scans_scanned_at"), "scans", ["scanned_at"], unique=False)
    op.create_table(
        "conflicts",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("device_id", sa.String(length=63), nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("way", sa.String(length=8), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.device_id"], name=op.f("fk_conflicts_device_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conflicts")),
        sa.UniqueConstraint("device_id", "uuid", "digest", name=op.f("uq_conflicts_device_id_uuid_digest")),
    )
    op.create_table(
        "incidents",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("device_id", sa.String(length=63), nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("spool", sa.String(length=36), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("scanner_id", sa.String(length=256), nullable=True),
        sa.Column("happened_at", Moment(), nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.device_id"], name=op.f("fk_incidents_device_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
        sa.UniqueConstraint("device_id", "uuid", name=op.f("uq_incidents_device_id_uuid")),
    )
    op.create_index(op.f("ix_incidents_changed"), "incidents", ["changed"], unique=False)
    op.create_table(
        "refusals",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("device_id", sa.String(length=63), nullable=False),
        sa.Column("way", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refusals")),
    )
    op.create_index(op.f("ix_refusals_device_id"), "refusals", ["device_id"], unique=False)


def _others() -> None:
    op.create_table(
        "cursors",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("through", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_cursors")),
    )
    op.create_table(
        "update_reports",
        sa.Column("id", RowNumber, nullable=False),
        sa.Column("device_id", sa.String(length=63), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("said_at", Moment(), nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.device_id"], name=op.f("fk_update_reports_device_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_update_reports")),
    )
    op.create_index(op.f("ix_update_reports_device_id"), "update_reports", ["device_id"], unique=False)
