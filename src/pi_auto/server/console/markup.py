"""Turns views into HTML. An environment of its own, so that autoescape is on whatever app the blueprint joins."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from pi_auto.server.console.device_views import DeviceView, IncidentView, presence_word
from pi_auto.server.console.scan_views import ScanView
from pi_auto.server.console.words import exactly
from pi_auto.wire.escape import printable
from pi_auto.wire.times import format_time

View = ScanView | DeviceView | IncidentView


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}"


def _date(moment: datetime) -> str:
    return f"{moment.day} {moment:%b}"


def _brief(time: str) -> str:
    """A time as it travels, to the minute."""
    return f"{time[:10]} {time[11:16]}"


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pi_auto.server.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    filters = {
        "printable": printable,
        "iso": format_time,
        "exactly": exactly,
        "clock": _clock,
        "date": _date,
        "brief": _brief,
        "presence": presence_word,
    }
    environment.filters.update(filters)
    return environment


_templates = _environment()
_rows = _templates.get_template("rows.html").module
_MACROS = {ScanView: "scan", DeviceView: "device", IncidentView: "incident"}


def fragment(view: View) -> dict[str, str]:
    """The element of one row, with its id: what the live page replaces or inserts."""
    return {"id": view.element, "html": str(getattr(_rows, _MACROS[type(view)])(view))}


def page(**facts: Any) -> str:
    """The whole page."""
    return render("page.html", **facts)


def render(name: str, **facts: Any) -> str:
    """One of the pages."""
    return _templates.get_template(name).render(**facts)
