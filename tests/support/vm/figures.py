"""What the virtual Pi's cases measured and how they went: a table for people, an object for script/test-long."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its unit, and what it was to be."""

    name: str
    value: float
    unit: str
    aim: str = ""


@dataclass(slots=True)
class Figures:
    """All of one session."""

    measured: list[Figure] = field(default_factory=list)
    cases: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)  # of a table of its own: each cut of an update

    def add(self, name: str, value: float, unit: str, aim: str = "") -> None:
        """Note one."""
        self.measured.append(Figure(name, round(value, 3), unit, aim))

    def spread(self, name: str, values: list[float], unit: str, aim: str = "") -> None:
        """Note the middle and the worst of several."""
        ordered = sorted(values)
        self.add(f"{name}, median of {len(ordered)}", ordered[len(ordered) // 2], unit, aim)
        self.add(f"{name}, worst of {len(ordered)}", ordered[-1], unit, aim)

    def table(self) -> list[str]:
        """A line each."""
        return [
            f"{each.name:<66} {each.value:>9g} {each.unit:<3}{f'  (aim: {each.aim})' if each.aim else ''}"
            for each in self.measured
        ]

    def to_json(self) -> dict[str, Any]:
        """The same as an object."""
        return {"figures": [asdict(each) for each in self.measured], "cases": self.cases, "rows": self.rows}
