"""What a heartbeat says of this device, put together. Checks and repairs will each add a part of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pi_auto.client.agent.delivery.lane import backlog
from pi_auto.client.agent.enrolment.system_info import system_info
from pi_auto.client.agent.health.board import temperature, undervoltage
from pi_auto.client.agent.health.disk import disk
from pi_auto.client.agent.health.network import ip_addresses, signal_strength
from pi_auto.client.agent.health.os_updates import os_updates
from pi_auto.client.agent.health.services import services
from pi_auto.client.agent.health.trust import clock_trust
from pi_auto.client.agent.health.update import update_state
from pi_auto.client.agent.health.versions import versions
from pi_auto.client.agent.health.zone import time_zone
from pi_auto.client.agent.network.own_link import own_addresses
from pi_auto.client.agent.timekeeping.boots import Boot
from pi_auto.client.bulletin import posts_in
from pi_auto.client.clock import boottime_ns, read_clock
from pi_auto.client.spool.destinations import DESTINATIONS
from pi_auto.client.spool.errors import SpoolUnavailable
from pi_auto.client.spool.marks import Marks
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.version import __version__
from pi_auto.wire.heartbeat import MOST_SCANNERS, Heartbeat

_OF_A_SCANNER = ("id", "name", "port", "standing", "layout", "layout_by", "calibrates")


def heartbeat(toward: tuple[str, int], reader: SpoolReader, marks: Marks, capture: Path, boot: Boot) -> Heartbeat:
    """The device as it is now; `toward` is what it dials first, `capture` that program's folder.

    `boot` is what is known of this one's time.
    """
    return Heartbeat(
        status="online",
        last_seen=datetime.now(UTC),
        client_version=__version__,
        device_info=system_info(toward),
        queue=_queue(reader, marks),
        scanners=_scanners(capture),
        health=health(capture, boot),
        boot=boot.id,
    )


def health(state: Path, boot: Boot) -> dict[str, Any]:
    """What was found of all that wire/heartbeat allows; `state` is capture's folder, on the disk that fills up."""
    found = {
        "services": services(),
        "versions": versions(),
        "uptime": boottime_ns() // 10**9,
        "ip_addresses": ip_addresses(own_addresses()),
        "disk": disk(state),
        "temperature": temperature(),
        "undervoltage": undervoltage(),
        "signal": signal_strength(),
        "os_updates": os_updates(),
        "clock": clock_trust(read_clock(), boot),
        "update": update_state(state.parent),
        "zone": time_zone(),
    }
    return {name: value for name, value in found.items() if value not in (None, [], {})}


def _scanners(capture: Path) -> list[dict[str, str]]:
    """What capture tells of them; nothing while it does not run."""
    post = posts_in(capture).get("scanners")
    told = post.news if post and isinstance(post.news, list) else []
    scanners = [one for one in told if isinstance(one, dict)][:MOST_SCANNERS]
    return [{name: one[name] for name in _OF_A_SCANNER if name in one} for one in scanners]


def _queue(reader: SpoolReader, marks: Marks) -> dict[str, Any]:
    try:
        return {name: backlog(name, reader, marks).to_json() for name in DESTINATIONS}
    except SpoolUnavailable as error:
        return {"trouble": str(error)[:200]}
