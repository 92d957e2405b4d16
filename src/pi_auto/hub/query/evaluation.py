"""Carries a query out on documents: which are selected, what is shown of them, how they are grouped. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

from pi_auto.hub.query.expressions import UNDEFINED, attribute, kind
from pi_auto.hub.query.query import Column, Query

Document = dict[str, Any]


def selects(query: Query, document: Document) -> bool:
    """Whether the condition holds for a device."""
    return query.where is None or query.where(document) is True


def projected(query: Query, document: Document) -> Document:
    """What the query shows of a device: all of it, or its columns as far as they are there."""
    if not query.columns:
        return document
    shown = ((column.name, attribute(column.path)(document)) for column in query.columns)
    return {name: value for name, value in shown if value is not UNDEFINED}


class Groups:
    """The groups of a query with aggregates, fed with one device after another."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._groups: dict[str, list[Document]] = {} if query.groups else {"[]": []}

    def add(self, document: Document) -> None:
        """Count a device that the query selects; only what its columns need is kept."""
        values = [attribute(path)(document) for path in self._query.groups]
        key = json.dumps([None if value is UNDEFINED else value for value in values], sort_keys=True)
        kept = {".".join(column.path): attribute(column.path)(document) for column in self._query.columns}
        self._groups.setdefault(key, []).append(kept)

    def rows(self) -> list[Document]:
        """One row for each group."""
        return [self._row(members) for members in self._groups.values()]

    def _row(self, members: list[Document]) -> Document:
        row = {column.name: _value(column, members) for column in self._query.columns}
        return {name: value for name, value in row.items() if value is not UNDEFINED}


def _value(column: Column, members: list[Document]) -> Any:
    if column.aggregate == "COUNT":
        return len(members)
    values = [member[".".join(column.path)] for member in members]
    if not column.aggregate:
        return values[0]
    numbers = [value for value in values if kind(value) == "number"]
    found = _aggregate(column.aggregate, numbers) if numbers else UNDEFINED
    return UNDEFINED if found in (math.inf, -math.inf) else found  # JSON has no word for it


def _aggregate(name: str, numbers: Iterable[Any]) -> Any:
    found = list(numbers)
    match name:
        case "SUM":
            return sum(found)
        case "AVG":
            return sum(found) / len(found)
        case "MIN":
            return min(found)
        case _:
            return max(found)
