"""What a device tells of itself, in words: facts to read when somebody asks, and troubles to see at once. Pure.

In goes what fleet/health.py let through. The templates escape every text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pi_auto.server.console.words import size, span

HOT, VERY_HOT = 70, 80  # degrees Celsius; a Raspberry Pi slows down at 80
FULL, VERY_FULL = 85, 95  # percent of the disk
WEAK = 25  # percent of the signal
_VOUCHED = {"kept": "set since the start, and let alone", "fleet": "as the fleet has signed"}
_FAILED = ("rolled_back", "refused")
OLD = 300  # seconds that a scan may wait

Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Badge:
    """A word about something that is not quite ordinary, how grave it is, and the sentence behind it."""

    word: str
    tone: str
    title: str


@dataclass(frozen=True, slots=True)
class Fact:
    """Something a device tells of itself."""

    name: str
    text: str


def facts(told: Told) -> tuple[Fact, ...]:
    """All that it tells, in an order for reading."""
    return tuple(Fact(name, text) for name, text in _facts(told) if text)


def troubles(told: Told) -> tuple[Badge, ...]:
    """What of it needs a person."""
    return tuple(_troubles(told))


def _facts(told: Told) -> Iterator[tuple[str, str]]:
    yield "Addresses", ", ".join(told.get("ip_addresses", ()))
    if "uptime" in told:
        yield "Up for", span(told["uptime"])
    yield "Services", ", ".join(f"{name} {state}" for name, state in told.get("services", {}).items())
    yield "Scanners", "; ".join(_scanner(each) for each in told.get("scanners", ()))
    yield "Queue", "; ".join(_queue(told.get("queue", {})))
    yield "Disk", _disk(told.get("disk", {}))
    if "temperature" in told:
        yield "Temperature", f"{told['temperature']:g} °C"
    yield "Power", _power(told.get("undervoltage", {}))
    yield "Signal", _signal(told.get("signal", {}))
    yield "Clock", _clock(told.get("clock", {}))
    yield "Time zone", told.get("zone", "")
    yield "Last update", _update(told.get("update", {}))
    yield "Security updates", _os_updates(told.get("os_updates", {}))
    yield "Versions", ", ".join(f"{name} {version}" for name, version in told.get("versions", {}).items())


def _troubles(told: Told) -> Iterator[Badge]:
    if told.get("undervoltage", {}).get("now"):
        yield Badge("weak power", "bad", "its power supply drops below what a Raspberry Pi needs")
    elif told.get("undervoltage", {}).get("since_boot"):
        yield Badge("weak power", "warn", "its power supply has been too weak at some time since it started")
    for name, state in told.get("services", {}).items():
        if state != "active":
            yield Badge("service down", "bad", f"{name} is {state}")
    if trouble := told.get("queue", {}).get("trouble"):
        yield Badge("queue unreadable", "bad", trouble)
    yield from _graded("hot", told.get("temperature"), (HOT, VERY_HOT), "its processor has {:g} °C")
    yield from _graded(
        "disk full", told.get("disk", {}).get("percent"), (FULL, VERY_FULL), "{:g} % of its disk is used"
    )
    age = max((lane.get("oldest_age_seconds", 0) for lane in _lanes(told)), default=0)
    if age > OLD:
        yield Badge("delivers late", "warn", f"its oldest scan waits for {span(int(age))}")
    percent = told.get("signal", {}).get("percent")
    if percent is not None and percent < WEAK:
        yield Badge("weak Wi-Fi", "warn", f"it hears its Wi-Fi at {percent} %")
    if told.get("update", {}).get("step") in _FAILED:
        yield Badge("update failed", "warn", _update(told["update"]))
    if told.get("clock", {}).get("synced") is False and told["clock"].get("trust") not in _VOUCHED:
        yield Badge(
            "clock not set", "warn", "nobody has set its clock since it started: times of scans are guesses"
        )


def _update(update: Told) -> str:
    """How the last one went, in the device's words."""
    if "step" not in update:
        return ""
    why = f": {update['reason']}" if update.get("reason") else ""
    at = f", on {update['at'][:10]}" if update.get("at") else ""
    return f"{update.get('version', '')} {update['step'].replace('_', ' ')}{why}{at}".strip()


def _graded(word: str, value: float | None, limits: tuple[float, float], sentence: str) -> Iterator[Badge]:
    if value is not None and value >= limits[0]:
        yield Badge(word, "bad" if value >= limits[1] else "warn", sentence.format(value))


def _lanes(told: Told) -> list[Told]:
    return [lane for way, lane in told.get("queue", {}).items() if way != "trouble"]


def _queue(queue: Told) -> Iterator[str]:
    if "trouble" in queue:
        yield queue["trouble"]
    for way, name in (("api", "API"), ("hub", "hub")):
        lane = queue.get(way, {})
        if "waiting" in lane:
            age = lane.get("oldest_age_seconds")
            yield f"{name} {lane['waiting']:,}" + (f", the oldest waits {span(int(age))}" if age else "")


def _scanner(one: Told) -> str:
    more = [one[name] for name in ("port", "standing") if name in one]
    if "layout" in one:
        more.append(f"layout {one['layout']}")
    return " ".join((one.get("name") or one.get("id") or "a scanner", *([f"({', '.join(more)})"] if more else ())))


def _disk(disk: Told) -> str:
    if "free" not in disk or "total" not in disk:
        return ""
    used = f", {disk['percent']} % used" if "percent" in disk else ""
    return f"{size(disk['free'])} free of {size(disk['total'])}{used}"


def _os_updates(told: Told) -> str:
    if "on" not in told:
        return ""
    last = f", last on {told['last'][:10]}" if told.get("last") else ""
    return ("on" if told["on"] else "off") + last + (", a reboot is due" if told.get("reboot") else "")


def _power(undervoltage: Told) -> str:
    if "now" not in undervoltage:
        return ""
    if undervoltage["now"]:
        return "too weak"
    return "was too weak since the start" if undervoltage.get("since_boot") else "good"


def _signal(signal: Told) -> str:
    parts = [f"{signal['percent']} %"] if "percent" in signal else []
    parts += [f"{signal['dBm']} dBm"] if "dBm" in signal else []
    return ", ".join(parts) + (f" on {signal['interface']}" if parts and "interface" in signal else "")


def _clock(clock: Told) -> str:
    if "synced" not in clock:
        return ""
    vouched = _VOUCHED.get(clock.get("trust", ""))
    if not clock["synced"] and not vouched:
        return "not set"
    bound = f", at most {clock['offset_bound']:,} ms off" if "offset_bound" in clock else ""
    return (vouched or "set by the network") + bound
