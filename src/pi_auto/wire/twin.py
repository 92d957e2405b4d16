"""How a section of a twin changes: the one rule that device, hub and server follow."""

from __future__ import annotations

from typing import Any

Section = dict[str, Any]


def merged(section: Any, patch: Section) -> Section:
    """A section after a patch; neither is changed. RFC 7396: null deletes, objects merge, all else replaces."""
    result = dict(section) if isinstance(section, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value) if isinstance(value, dict) else value
    return result


def difference(old: Section, new: Section) -> Section:
    """The smallest patch that makes `new` of `old`, where `new` holds no null: merged(old, it) == new."""
    patch: Section = {name: None for name in old if name not in new}
    for name, value in new.items():
        before: Any = old.get(name)
        if name not in old or before != value:
            nested = isinstance(before, dict) and isinstance(value, dict)
            patch[name] = difference(before, value) if nested else value
    return patch
