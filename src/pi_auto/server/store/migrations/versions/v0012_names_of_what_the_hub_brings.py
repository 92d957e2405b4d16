"""What the hub brought of an old client's scan is named at the scan; names among the cursors move there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None
_AMONG_CURSORS = "legacy:"  # and the name; the cursor stood at the scan's id


def upgrade() -> None:
    """Add the column and its index, and move what was written since names are kept."""
    op.add_column("scans", sa.Column("hub_name", sa.String(36)))
    named = sa.text("hub_name IS NOT NULL")
    op.create_index(
        op.f("ix_scans_device_hub_name"), "scans", ["device_id", "hub_name"],
        unique=False, sqlite_where=named, postgresql_where=named,
    )  # fmt: skip
    books, which = op.get_bind(), {"which": f"{_AMONG_CURSORS}%"}
    rows = books.execute(sa.text("SELECT source, through FROM cursors WHERE source LIKE :which"), which).all()
    moved = [{"name": source.removeprefix(_AMONG_CURSORS), "id": scan} for source, scan in rows]
    if moved:
        books.execute(sa.text("UPDATE scans SET hub_name = :name WHERE id = :id"), moved)
        books.execute(sa.text("DELETE FROM cursors WHERE source LIKE :which"), which)
