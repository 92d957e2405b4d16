"""What the roll-outs' commands say to a person. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pi_auto.wire.escape import printable

REPORT = (
    "device_id", "hostname", "stage", "version", "step", "percent", "attempts", "failures", "offered", "heard",
    "ended", "reason",
)  # fmt: skip
FORESEEN = ("device_id", "stage", "version", "takes", "from", "until", "window")


def planned(answer: dict[str, Any]) -> str:
    """The number of a plan, and what comes next."""
    number = answer["id"]
    return (
        f"roll-out {number} is planned, and nothing happens yet. See who would get it and when:\n"
        f"  pi-auto-server rollout simulate {number}\nthen\n  pi-auto-server rollout start {number}"
    )


def moved(answer: dict[str, Any]) -> str:
    """What it is now."""
    return f"roll-out {answer['id']} is {answer['state']}"


def listed(answer: dict[str, Any]) -> str:
    """Every roll-out on a line."""
    rows = [
        {
            "number": one["id"], "release": one["version"], "state": one["state"],
            "stage": f"{one['stage']} of {one['of_stages']}: {one['stage_is']}", "reached": one["reached"],
            "run it": one["committed"], "failed": one["failed"], "under way": one["under_way"], "why": one["why"],
        }
        for one in answer["rollouts"]
    ]  # fmt: skip
    return table(rows, tuple(rows[0])) if rows else "there are no roll-outs; see pi-auto-server rollout --help"


def shown(answer: dict[str, Any]) -> str:
    """One roll-out."""
    one = answer["rollout"]
    state = (
        one["state"]
        + (", mandatory" if one["urgent"] else "")
        + (f": {printable(one['why'])}" if one["why"] else "")
    )
    lines = [
        f"roll-out {one['id']} of {one['version']}" + (" (withdrawn)" if one["withdrawn"] else ""),
        f"  {state}",
        f"  planned by {one['made_by']} {one['made']}, started {one['started'] or 'not yet'}",
        f"  goes on when {one['success']} % of the reached run it; pauses at {one['failures_to_pause']} failures",
        f"  that are {one['failure_percent']} % of the finished; silence of {one['silence'] // 60} min is one",
        "  reached {reached}: {committed} run it, {failed} failed, {under_way} under way".format(**one),
        *([f"  {one['forgiven']} failures were forgiven"] if one["forgiven"] else []),
        *_held_back(one),
        "",
    ]  # fmt: skip
    lines.append(_stages(one))
    if one["reasons"]:
        lines += ["", table(one["reasons"], ("devices", "step", "reason", "such_as"))]
    return "\n".join(lines)


def _stages(one: dict[str, Any]) -> str:
    """A line each; the one that it is in is marked."""
    stages = [
        {"stage": ("> " if number == one["stage"] else "  ") + str(number), "whom": stage["whom"],
         "hours": f"{stage['soak'] / 3600:g}", "devices": stage["devices"], "reached": stage["reached"],
         "run it": stage["committed"], "failed": stage["failed"]}
        for number, stage in enumerate(one["stages"], 1)
    ]  # fmt: skip
    return table(stages, tuple(stages[0]))


def _held_back(one: dict[str, Any]) -> list[str]:
    """That some are not offered it, since they would refuse it."""
    needed = f"  {one['held_back']} devices need release counter {one['least_counter']} first"
    return [needed] if one["held_back"] else []


def foreseen(stages: list[str], devices: list[dict[str, Any]]) -> str:
    """How many devices are in each stage, and when they would be offered the release."""
    rows = []
    for number, stage in enumerate(stages, 1):
        mine = [each for each in devices if each["stage"] == number]
        takes = [each for each in mine if each["takes"] == "yes"]
        others = Counter(each["takes"] for each in mine if each["takes"] != "yes")
        rows.append({
            "stage": number, "whom and how long": stage, "devices": len(mine), "would take it": len(takes),
            "from": min((each["from"] for each in takes), default=None),
            "until": max((each["until"] for each in takes), default=None),
            "others": ", ".join(f"{count} {why}" for why, count in others.items()) or None,
        })  # fmt: skip
    told = "Times are the earliest: a stage may last longer, and a device may be off. --devices shows each device."
    return f"{table(rows, tuple(rows[0]))}\n{told}"


def windows(answer: dict[str, Any]) -> str:
    """Every maintenance window on a line."""
    lines = [f"{one['of']:<24} {one['window']}" for one in answer["windows"]]
    return "\n".join(lines) or "there are no maintenance windows: devices are updated at any time"


def table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> str:
    """Rows under the names of their columns, as wide as they have to be."""
    if not rows:
        return "no devices"
    cells = [columns, *(tuple(_text(row[name]) for name in columns) for row in rows)]
    widths = [max(len(line[number]) for line in cells) for number in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def _text(value: Any) -> str:
    return "" if value is None else printable(str(value))
