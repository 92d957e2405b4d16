"""The status of a device on one screen, for a person. Text from outside is escaped."""

from __future__ import annotations

from typing import Any

from pi_auto.client.agent.health.trust import FLEET, KEPT, NETWORK, NOBODY
from pi_auto.client.settings import Settings
from pi_auto.client.status import services
from pi_auto.client.status.devices import described, remedy, standing
from pi_auto.wire.escape import printable

_MOST_SHOWN = 10  # set-aside records
_LABEL = 14  # characters
_TRUST = {
    NETWORK: "set by the network",
    KEPT: "set by the network since the start, and let alone",
    FLEET: "as the fleet has signed; not set by the network",
    NOBODY: "not set by the network: it may be wrong",
}
_UNSEEN = "Permission denied"

Line = tuple[str, str]


def screen(status: dict[str, Any], settings: Settings) -> str:
    """What `status_of` found, a fact a line."""
    lines = [
        (
            "device",
            f"{status['device_id'] or 'not named yet'} (host {status['hostname']}, version {status['version']})",
        ),
        ("server", _server(status, settings)),
        _registered(status),
        *([("key", status["key"])] if status["key"] else []),
        *(("warning", warning) for warning in status["warnings"]),
        ("IoT Hub", _hub(status)),
        *_services(status),
        *_scanners(status, settings),
        *((f"queue to {name}", _depth(depth)) for name, depth in status["queue"].items()),
        ("last scan", _last_scan(status["newest_scan"])),
        ("set aside", str(status["set_aside_count"])),
        *(("", _one_aside(one)) for one in status["set_aside"][-_MOST_SHOWN:]),
        ("last update", _update(status["update"])),
        ("clock", _clock(status["clock"])),
        *_troubles(status),
    ]
    return "\n".join(f"{name + ':' if name else '':<{_LABEL}}{printable(text)}" for name, text in lines)


def _device(status: dict[str, Any]) -> str:
    return f"{status['device_id'] or 'not named yet'} (host {status['hostname']}, version {status['version']})"


def _server(status: dict[str, Any], settings: Settings) -> str:
    link = status["server_link"]
    if not status["server"]:
        return (
            "not set; scan a code of the fleet's page, or name it by: sudo pi-auto-client configure --server URL"
        )
    if link:
        return f"{status['server']}: {_link(link)}"
    if status["agent_runs"]:
        return f"{status['server']}: nothing was to be asked or sent yet"
    return f"{status['server']}: {_silent(status, settings, services.AGENT, status['agent_runs'])}"


def _registered(status: dict[str, Any]) -> Line:
    """With a fleet card: whether the fleet has taken the device in; if not, what a person has to do."""
    told, since = status["enrolment"], status["registered"]
    if not status["fleet"]:
        return "registered", f"since {_moment(since)}" if since else "no"
    if told and not told["ok"]:
        return "enrolled", f"no: {told['said']}; {told['remedy']}"
    if status["agent_runs"] is None:
        return "enrolled", "not known"
    return "enrolled", f"in fleet {status['fleet']} since {_moment(since)}{_bound(status)}" if since else "not yet"


def _bound(status: dict[str, Any]) -> str:
    """How it has got its card, where nobody has installed it."""
    return f" (bound by {status['bound_by']})" if status["bound_by"] else ""


def _hub(status: dict[str, Any]) -> str:
    link = status["hub_link"]
    host = (link and link["host"]) or status["hub"]
    if link:
        return f"{host}: {_link(link)}" if host else _link(link)
    return f"{host}: not known" if host else "none"


def _link(link: dict[str, Any]) -> str:
    return f"{'well' if link['ok'] else 'in trouble'} since {_moment(link['since'])}: {link['said']}"


def _services(status: dict[str, Any]) -> list[Line]:
    told = status["services"]
    return [("services", ", ".join(f"{unit} {state}" for unit, state in told.items()))] if told else []


def _scanners(status: dict[str, Any], settings: Settings) -> list[Line]:
    if not status["capture_runs"]:
        return [("scanners", _silent(status, settings, services.CAPTURE, status["capture_runs"]))]
    found = [f"{described(one)}: {standing(one)}" for one in status["scanners"] or ()]
    found += [f"{path} {said}; {remedy(path, said)}" for path, said in status["scanner_troubles"].items()]
    storing = status["storing"]
    stuck = [("storing", _link(storing))] if storing and not storing["ok"] else []
    first, *more = found or ["none plugged in"]
    return [("scanners", first), *(("", one) for one in more), *stuck]


def _silent(status: dict[str, Any], settings: Settings, unit: str, runs: bool | None) -> str:
    """What to say where a service tells nothing."""
    if runs is None:
        return "not known"
    if (status["services"] or {}).get(unit) == "active":
        return f"not known: {unit} runs and cannot tell; is the disk full?"
    return f"not known: {unit} does not run; start it: {services.start_command(settings, unit)}"


def _depth(depth: int | None) -> str:
    return "unknown" if depth is None else f"{depth} waiting"


def _last_scan(newest: dict[str, Any] | None) -> str:
    if newest is None:
        return "none"
    text = "(not shown: log_barcodes is off)" if newest["text"] is None else f"'{newest['text']}'"
    return f"{text} at {_moment(newest['time'])}"


def _one_aside(one: dict[str, Any]) -> str:
    return f"{one['destination']} number {one['number']} uuid {one['uuid']}: {one['reason']}"


def _update(update: dict[str, Any] | None) -> str:
    if update is None:
        return "not asked for since the agent was started"
    return f"{update['said']}; asked at {_moment(update['at'])}"


def _clock(clock: dict[str, Any]) -> str:
    signed = f"; the fleet has signed {_moment(clock['signed'])}" if clock["signed"] else ""
    return f"{_moment(clock['now'])}, {_TRUST[clock['trust']]}{signed}"


def _troubles(status: dict[str, Any]) -> list[Line]:
    lines = [("trouble", trouble) for trouble in status["troubles"]]
    hidden = any(_UNSEEN in trouble for trouble in status["troubles"])
    return [*lines, ("", "sudo shows what this user may not see")] if hidden else lines


def _moment(text: str) -> str:
    """A moment of the wire as a person reads it, to the second."""
    return f"{text[:19].replace('T', ' ')} UTC"
