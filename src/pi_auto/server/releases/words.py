"""What the commands about releases say to a person. Pure."""

from __future__ import annotations

from typing import Any

from pi_auto.wire.escape import printable


def published(answer: dict[str, Any]) -> str:
    """What is served now."""
    versions = ", ".join(answer["releases"]) or "no release yet"
    return f"published: {versions}; root version {answer['root']}, which new fleet cards hold"


def listed(answer: dict[str, Any]) -> str:
    """Every release on a line, then how long all of it is good, then what needs a person."""
    lines = [
        f"{one['version']:<20} counter {one['counter']:<6} {one['size']:>9} bytes  {one['update_id'][:16]}"
        f"  published {one['published']} by {one['by']}{_least(one)}{_withdrawn(one)}"
        for one in answer["releases"]
    ]
    state = answer["updates"]
    if state is None:
        return "this fleet has no root, so its devices take no updates; see docs/operating.md"
    if not lines:
        lines.append("no release yet; sign one where the keys are, and publish its bundle")
    lines.append("good until: " + ", ".join(f"{name} {until}" for name, until in state["expires"].items()))
    lines += _authority(answer["authority"])
    lines += [f"warning: {trouble}" for trouble in state["troubles"]]
    return "\n".join(lines)


def _authority(told: dict[str, Any] | None) -> list[str]:
    """Of the fleet's authority, where one is signed: how it is taken."""
    if told is None:
        return []
    refusals = [f"warning: {one['device_id']} refuses it: {printable(one['reason'])}" for one in told["refusals"]]
    if told["refused"] > len(refusals):
        refusals.append(f"warning: {told['refused'] - len(refusals)} more devices refuse it")
    return [f"fleet's authority {told['update_id'][:16]}: {told['taken']} devices have it", *refusals]


def _least(one: dict[str, Any]) -> str:
    return f", from counter {one['least_counter']} on" if one["least_counter"] else ""


def _withdrawn(one: dict[str, Any]) -> str:
    return f", withdrawn {one['withdrawn']}" if one["withdrawn"] else ""
