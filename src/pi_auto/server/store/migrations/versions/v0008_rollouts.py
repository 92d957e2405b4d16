"""Roll-outs, attempts of devices, pins, groups, tags and maintenance windows."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from pi_auto.server.store.columns import Moment, RowNumber

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; nothing is rolled out."""
    _make_rollouts()
    _make_attempts()
    _make_sayings()


def _make_rollouts() -> None:
    op.create_table(
        "rollouts",
        sa.Column("id", RowNumber, nullable=False), _number("counter", sa.BigInteger()), _text("state", 16),
        sa.Column("stages", sa.JSON(), nullable=False), _number("stage"), _moment("stage_at", nullable=True),
        _number("success"), _number("failures"), _number("failure_percent"), _number("silence"),
        _number("attempts"), _moment("forgiven_at", nullable=True), sa.Column("why", sa.Text(), nullable=True),
        _text("made_by", 128), _moment("made_at"), _moment("started_at", nullable=True),
        _moment("ended_at", nullable=True),
        sa.Column("urgent", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["counter"], ["releases.counter"], name=op.f("fk_rollouts_counter_releases")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollouts")),
    )  # fmt: skip
    for column in ("counter", "state"):
        op.create_index(op.f(f"ix_rollouts_{column}"), "rollouts", [column], unique=False)


def _make_attempts() -> None:
    op.create_table(
        "update_attempts",
        _number("rollout_id", sa.BigInteger()), _text("device_id", 63), _number("counter", sa.BigInteger()),
        _number("stage"), _text("step", 16), sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("percent", sa.Integer(), nullable=True), _number("attempts"), _number("failures"),
        _moment("failed_at", nullable=True), _moment("first_at"), _moment("offered_at"),
        _moment("said_at", nullable=True), _moment("heard_at"), _moment("ended_at", nullable=True),
        _of_device("update_attempts"),
        sa.PrimaryKeyConstraint("rollout_id", "device_id", "counter", name=op.f("pk_update_attempts")),
    )  # fmt: skip
    op.create_index(op.f("ix_update_attempts_device_id"), "update_attempts", ["device_id"], unique=False)
    op.create_table(
        "update_checks",
        _text("device_id", 63), _text("version", 64), _moment("asked_at"), _number("highest", sa.BigInteger()),
        _of_device("update_checks"), sa.PrimaryKeyConstraint("device_id", name=op.f("pk_update_checks")),
    )  # fmt: skip
    op.create_index(op.f("ix_update_checks_asked_at"), "update_checks", ["asked_at"], unique=False)


def _make_sayings() -> None:
    op.create_table(
        "update_pins",
        _text("device_id", 63), _number("counter", sa.BigInteger()), _text("pinned_by", 128), _moment("pinned_at"),
        _of_device("update_pins"),
        sa.ForeignKeyConstraint(["counter"], ["releases.counter"], name=op.f("fk_update_pins_counter_releases")),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_update_pins")),
    )  # fmt: skip
    op.create_table(
        "device_groups", _text("device_id", 63), _text("name", 32), _of_device("device_groups"),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_device_groups")),
    )  # fmt: skip
    op.create_index(op.f("ix_device_groups_name"), "device_groups", ["name"], unique=False)
    op.create_table(
        "device_tags", _text("device_id", 63), _text("tag", 32), _of_device("device_tags"),
        sa.PrimaryKeyConstraint("device_id", "tag", name=op.f("pk_device_tags")),
    )  # fmt: skip
    op.create_index(op.f("ix_device_tags_tag"), "device_tags", ["tag"], unique=False)
    op.create_table(
        "maintenance_windows",
        _text("kind", 8), _text("name", 63), _text("days", 27), _number("begins"), _number("ends"),
        _text("zone", 64), sa.PrimaryKeyConstraint("kind", "name", name=op.f("pk_maintenance_windows")),
    )  # fmt: skip


def _number(name: str, kind: Any = None) -> sa.Column[Any]:
    return sa.Column(name, kind or sa.Integer(), nullable=False)


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=False)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, Moment(), nullable=nullable)


def _of_device(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_device_id_devices")
    return sa.ForeignKeyConstraint(["device_id"], ["devices.device_id"], name=name)
