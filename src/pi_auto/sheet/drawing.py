"""A page of black rectangles and lines of text, before it is SVG or PDF. Millimetres from the top left."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH, HEIGHT = 210.0, 297.0  # A4


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A black area."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text: where its baseline begins, and how large it is. Characters of Windows-1252 only."""

    x: float
    y: float
    size: float
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """One page."""

    title: str
    rectangles: tuple[Rectangle, ...]
    lines: tuple[Line, ...]
