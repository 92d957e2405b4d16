"""When each property of a twin last changed: the `$metadata` of a section, kept beside it.

Pure. Source: Microsoft, "Understand and use device twins": each object and each leaf carries
`$lastUpdated`, desired ones `$lastUpdatedVersion` too; a null takes a property's metadata away.
"""

from __future__ import annotations

from typing import Any

from pi_auto.wire.twin import Section


def stamped(metadata: Section, patch: Section, at: str, version: int | None) -> Section:
    """The metadata after a patch at the moment `at`; neither is changed. `version` is None for reported ones."""
    result: Section = dict(metadata) | _stamp(at, version)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _of(result.get(name), value, at, version)
    return result


def _of(known: Any, value: Any, at: str, version: int | None) -> Section:
    if not isinstance(value, dict):
        return _stamp(at, version)
    return stamped(known if isinstance(known, dict) else {}, value, at, version)


def _stamp(at: str, version: int | None) -> Section:
    return {"$lastUpdated": at} if version is None else {"$lastUpdated": at, "$lastUpdatedVersion": version}
