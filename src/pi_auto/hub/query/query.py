"""A query that has been read: what is selected, of which devices, in which groups. Data alone."""

from __future__ import annotations

from dataclasses import dataclass

from pi_auto.hub.query.expressions import Expression


@dataclass(frozen=True, slots=True)
class Column:
    """One of what is selected: an attribute, or an aggregate over one. `path` is empty for COUNT()."""

    name: str
    path: tuple[str, ...]
    aggregate: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """A query that has been read. No columns means `*`."""

    columns: tuple[Column, ...]
    where: Expression | None = None
    groups: tuple[tuple[str, ...], ...] = ()
    top: int | None = None

    @property
    def aggregates(self) -> bool:
        """Whether it answers with groups rather than devices."""
        return bool(self.groups) or any(column.aggregate for column in self.columns)
