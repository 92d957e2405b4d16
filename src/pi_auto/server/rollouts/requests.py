"""The administrator's requests about roll-outs, beside those of admin/requests.py."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from pi_auto.server.admin.administrator import Administrator
from pi_auto.server.operators.rules import Scope
from pi_auto.server.rollouts import planning, report, sayings, simulation, summary
from pi_auto.server.rollouts.facts import DEVICE, FLEET, GROUP, windows
from pi_auto.server.rollouts.judging import Limits
from pi_auto.server.rollouts.stages import USUAL, parse_stages, read_stages, span_of
from pi_auto.server.rollouts.tables import rollouts
from pi_auto.server.rollouts.windows import parse_window
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.times import format_time

_LEAST_SILENCE = "10m"
_MOST_WHY = 255


def _plan(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """Make a draft."""
    silence = span_of(fields.optional("silence", lambda n: fields.text(n, most=16), "2h"), "silence")
    if silence < span_of(_LEAST_SILENCE, "silence"):
        raise fields.refuse("silence", f"at least {_LEAST_SILENCE}: a download takes its time")
    wanted = planning.Plan(
        version=fields.text("version", most=64),
        stages=parse_stages(fields.optional("stages", lambda n: fields.text(n, most=1024), USUAL)),
        limits=Limits(
            success=_number(fields, "success", 95, most=100),
            failures=_number(fields, "failures", 3, most=1_000_000),
            failure_percent=_number(fields, "failure_percent", 2, most=100),
        ),
        silence=silence,
        attempts=_number(fields, "attempts", 2, most=10),
        mandatory=fields.optional("mandatory", fields.flag, default=False),
    )
    return {"id": admin.do(lambda books, now: planning.plan(books, wanted, admin.by, now))}


def _start(admin: Administrator, fields: Fields) -> dict[str, Any]:
    number, at_once = _rollout(fields), fields.optional("at_once", fields.flag, default=False)
    return _moved(
        number, admin.do(lambda books, now: planning.start(books, number, admin.by, now, at_once=at_once))
    )


def _pause(admin: Administrator, fields: Fields) -> dict[str, Any]:
    number, why = _rollout(fields), _why(fields)
    return _moved(number, admin.do(lambda books, now: planning.pause(books, number, why, admin.by, now)))


def _resume(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """Go on, if there are no more `failures` than whoever asks tells to have seen."""
    number, seen = _rollout(fields), fields.optional("failures", fields.integer)
    return _moved(number, admin.do(lambda books, now: planning.resume(books, number, admin.by, now, seen)))


def _advance(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """On to the next stage: behind `stage`, where whoever asks tells in which one they have seen it."""
    number, seen = _rollout(fields), fields.optional("stage", lambda n: fields.integer(n, least=1))
    return _moved(number, admin.do(lambda books, now: planning.advance(books, number, admin.by, now, seen)))


def _abort(admin: Administrator, fields: Fields) -> dict[str, Any]:
    number, why = _rollout(fields), _why(fields)
    return _moved(number, admin.do(lambda books, now: planning.abort(books, number, why, admin.by, now)))


def _list(admin: Administrator, _: Fields) -> dict[str, Any]:
    with admin.context.store.engine.connect() as books:
        return {"rollouts": summary.list_all(books)}


def _show(admin: Administrator, fields: Fields) -> dict[str, Any]:
    with admin.context.store.engine.connect() as books:
        return {"rollout": summary.show(books, planning.find(books, _rollout(fields)), admin.context.clock())}


def _report(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """A page of devices; the next one begins behind the last."""
    with admin.context.store.engine.connect() as books:
        row = planning.find(books, _rollout(fields))
        return {"devices": report.report(books, row, _after(fields)), "most": report.PAGE}


def _simulate(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """A page of what would come."""
    start = fields.optional("start", fields.time, admin.context.clock())
    with admin.context.store.engine.connect() as books:
        number = _rollout(fields)
        planning.find(books, number)
        row = books.execute(select(rollouts).where(rollouts.c.id == number)).one()
        found = simulation.simulate(books, row, start, _after(fields))
    stages = [str(stage) for stage in read_stages(row.stages)]
    return {"devices": found, "most": report.PAGE, "start": format_time(start), "stages": stages}


def _window(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """Set or remove one where something is told, and list them."""
    kind = DEVICE if fields.has("device_id") else GROUP if fields.has("group") else FLEET
    named = "" if kind == FLEET else fields.text("device_id" if kind == DEVICE else "group", most=253)
    for name, option, other in (("begins", "--from", "--to"), ("ends", "--to", "--from")):
        if fields.has("begins") != fields.has("ends") and not fields.has(name):
            raise FieldError(option, "missing", f"a time of day such as 02:30, since {other} is given")
    if fields.has("begins") or fields.optional("remove", fields.flag, default=False):
        window = None
        if fields.has("begins"):
            texts = (fields.text(name, most=64) for name in ("days", "begins", "ends", "zone"))
            window = parse_window(*texts)
        admin.do(lambda books, now: sayings.set_window(books, kind, named, window, admin.by, now))
    with admin.context.store.engine.connect() as books:
        known = windows(books)
    return {"windows": [
        {"of": f"{of} {name}".strip(), "window": str(window)} for (of, name), window in sorted(known.items())
    ]}  # fmt: skip


def _saying(say: Callable[[Connection, str, Fields, str, datetime], str]) -> Callable[..., dict[str, Any]]:
    def answer(admin: Administrator, fields: Fields) -> dict[str, Any]:
        named = fields.text("device_id", most=253)
        return {"device_id": admin.do(lambda books, now: say(books, named, fields, admin.by, now))}

    return answer


def _pin(books: Connection, named: str, fields: Fields, by: str, now: datetime) -> str:
    return sayings.pin(books, named, fields.text("version", most=64), by, now)


def _unpin(books: Connection, named: str, _: Fields, by: str, now: datetime) -> str:
    return sayings.unpin(books, named, by, now)


def _group(books: Connection, named: str, fields: Fields, by: str, now: datetime) -> str:
    group = fields.optional("group", lambda n: fields.text(n, most=32))
    return sayings.put_into_group(books, named, group, by, now)


def _tag(books: Connection, named: str, fields: Fields, by: str, now: datetime) -> str:
    remove = fields.optional("remove", fields.flag, default=False)
    return sayings.tag(books, named, fields.text("tag", most=32), by, now, remove=remove)


def _moved(number: int, state: str) -> dict[str, Any]:
    return {"id": number, "state": state}


def _rollout(fields: Fields) -> int:
    return fields.integer("rollout", least=1)


def _why(fields: Fields) -> str:
    return fields.optional("why", lambda n: fields.text(n, most=_MOST_WHY), "")


def _after(fields: Fields) -> str:
    return fields.optional("after", lambda n: fields.text(n, least=0, most=63), "")


def _number(fields: Fields, name: str, usual: int, *, most: int) -> int:
    return fields.optional(name, lambda n: fields.integer(n, least=1, most=most), usual)


REQUESTS: dict[str, tuple[Scope, Callable[[Administrator, Fields], dict[str, Any]]]] = {
    "rollout plan": (Scope.FLEET, _plan),
    "rollout start": (Scope.FLEET, _start),
    "rollout pause": (Scope.FLEET, _pause),
    "rollout resume": (Scope.FLEET, _resume),
    "rollout advance": (Scope.FLEET, _advance),
    "rollout abort": (Scope.FLEET, _abort),
    "rollout list": (Scope.DEVICES, _list),
    "rollout show": (Scope.DEVICES, _show),
    "rollout report": (Scope.DEVICES, _report),
    "rollout simulate": (Scope.DEVICES, _simulate),
    "rollout window": (Scope.FLEET, _window),
    "device pin": (Scope.FLEET, _saying(_pin)),
    "device unpin": (Scope.FLEET, _saying(_unpin)),
    "device group": (Scope.FLEET, _saying(_group)),
    "device tag": (Scope.FLEET, _saying(_tag)),
}
