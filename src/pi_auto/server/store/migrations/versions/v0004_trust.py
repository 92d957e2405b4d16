"""Operators, the audit trail, and which key belongs to which device.

To be put behind 0003 when that is here: change `down_revision` alone, nothing here refers to it.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from pi_auto.server.store.columns import Moment, RowNumber

revision = "0004"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    _operators()
    _audit()
    _identities()
    _asking()
    _granted()
    _enrolment()


def _text(name: str, length: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=nullable)


def _hash(name: str = "hash", *, nullable: bool = False) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(length=32), nullable=nullable)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, Moment(), nullable=nullable)


def _table(
    name: str,
    key: tuple[str, ...],
    *columns: sa.Column[Any],
    unique: tuple[str, ...] = (),
    of_device: bool = False,
) -> None:
    constraints: list[sa.Constraint] = [sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{name}"))]
    constraints += [sa.UniqueConstraint(column, name=op.f(f"uq_{name}_{column}")) for column in unique]
    if of_device:
        named = op.f(f"fk_{name}_device_id_devices")
        constraints.append(sa.ForeignKeyConstraint(["device_id"], ["devices.device_id"], name=named))
    op.create_table(name, *columns, *constraints)


def _index(table: str, *columns: str) -> None:
    for column in columns:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)


def _operators() -> None:
    _table(
        "operator_links", ("hash",),
        _hash(), _moment("made_at"), _moment("expires_at"), _moment("used_at", nullable=True),
    )  # fmt: skip
    _table(
        "operator_sessions", ("hash",),
        _hash(), _text("name", 64), _text("scopes", 255), _moment("begun_at"), _moment("expires_at"),
    )  # fmt: skip
    _table(
        "operator_tokens", ("name",),
        _text("name", 64), _hash(), _text("scopes", 255), _moment("made_at"),
        _moment("expires_at", nullable=True), _moment("revoked_at", nullable=True), unique=("hash",),
    )  # fmt: skip


def _audit() -> None:
    _table(
        "audit", ("number",),
        sa.Column("number", RowNumber, nullable=False), _moment("at"), _text("actor", 128), _text("action", 64),
        _text("subject", 128), _text("outcome", 64), sa.Column("detail", sa.JSON(), nullable=False),
        _text("address", 64, nullable=True), _moment("last_at", nullable=True),
        sa.Column("times", sa.BigInteger(), nullable=False), _text("grouped_by", 255, nullable=True),
        unique=("grouped_by",),
    )  # fmt: skip
    _index("audit", "at", "subject")


def _identities() -> None:
    _table(
        "identities", ("serial",),
        _text("serial", 64), _text("device_id", 63), sa.Column("public_key", sa.LargeBinary(91), nullable=False),
        _text("fingerprint", 64), _moment("enrolled_at"), _text("granted_by", 128),
        sa.Column("boots", sa.JSON(), nullable=False), _moment("cloned_at", nullable=True),
        unique=("device_id", "fingerprint"), of_device=True,
    )  # fmt: skip
    _table(
        "device_tokens", ("hash",),
        _hash(), _text("device_id", 63), _moment("issued_at"), _moment("expires_at"), _text("place", 8),
        of_device=True,
    )  # fmt: skip
    _index("device_tokens", "device_id")


def _asking() -> None:
    _table(
        "pending", ("serial", "fingerprint"),
        _text("serial", 64), _text("fingerprint", 64), _text("device_id", 63), _text("reason", 16),
        sa.Column("system_info", sa.JSON(), nullable=False), _text("client_version", 64), _text("address", 64),
        _text("network", 64), _moment("first_at"), _moment("last_at"), _text("approved_by", 128, nullable=True),
    )  # fmt: skip
    _index("pending", "network", "last_at")
    _table("used_nonces", ("hash",), _hash(), _moment("expires_at"))
    _index("used_nonces", "expires_at")


def _granted() -> None:
    _table(
        "preauthorisations", ("serial",),
        _text("serial", 64), _text("fingerprint", 64, nullable=True), _hash("secret_hash", nullable=True),
        _text("made_by", 128), _moment("made_at"), _moment("expires_at"),
    )  # fmt: skip
    _table(
        "batches", ("name",),
        _text("name", 64), _hash(), sa.Column("most", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False), _text("made_by", 128), _moment("made_at"),
        _moment("expires_at"), _moment("revoked_at", nullable=True), unique=("hash",),
    )  # fmt: skip


def _enrolment() -> None:
    _table(
        "revocations", ("kind", "value"),
        _text("kind", 8), _text("value", 64), _text("made_by", 128), _moment("made_at"), _text("reason", 255),
    )  # fmt: skip
    _table("enrolment_settings", ("name",), _text("name", 32), _text("value", 255))
