"""Goes the whole way to the server once, and tells at which step it ended: name, TCP, TLS, answer.

Every step is bounded in time and size. Nothing is sent but the question that discovery asks
of everybody, and certificates are believed as the agent believes them.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.dialling import dial
from pi_auto.client.agent.errors import ApiError, Refused, Throttled, Unauthorized, Unreachable
from pi_auto.client.doctor.exchange import Exchange, Stop
from pi_auto.client.doctor.greeting import greet
from pi_auto.client.doctor.portal import portal_at
from pi_auto.client.doctor.reaching import TO_CONNECT, look_up, told
from pi_auto.client.endpoint import Endpoint, is_loopback
from pi_auto.client.settings import Settings, SettingsError
from pi_auto.client.whereabouts import known_endpoint
from pi_auto.wire.errors import FieldError
from pi_auto.wire.health import SERVICE
from pi_auto.wire.times import parse_time

TO_ANSWER = 5.0  # seconds


_AS_BY_A_PORTAL = frozenset((Stop.REFUSED, Stop.SILENT, Stop.NO_TLS, Stop.CHAIN, Stop.NAMED))


def ask_server(settings: Settings) -> Exchange:
    """Go the way; never raises for what is wrong with the server or the network."""
    try:
        endpoint = known_endpoint(settings)
    except (FieldError, SettingsError) as error:
        return Exchange(Stop.UNSET, str(error))
    stop, said = _connect(endpoint)
    ahead = None
    if stop is Stop.ARRIVED:
        stop, said, ahead = _ask(endpoint)
    elif stop in _AS_BY_A_PORTAL and not endpoint.proxy and not is_loopback(endpoint.dialled[0]):
        page = portal_at(endpoint.dialled[0])
        stop, said = (Stop.PORTAL, page) if page else (stop, said)
    host, port = endpoint.dialled
    return Exchange(stop, said, f"{host} port {port}", endpoint.name, ahead, datetime.now(UTC))


def _connect(endpoint: Endpoint) -> tuple[Stop, str]:
    try:
        look_up(endpoint.first_hop[0])
    except (OSError, UnicodeError) as error:
        return Stop.NAME, told(error)
    try:
        with dial(endpoint.dialled, endpoint.proxy, time.monotonic() + TO_CONNECT) as plain:
            return greet(endpoint, plain) if endpoint.tls else (Stop.ARRIVED, "")
    except OSError as error:
        if endpoint.proxy:
            return Stop.PROXY, told(error)
        return (Stop.REFUSED if isinstance(error, ConnectionRefusedError) else Stop.SILENT), told(error)


def _ask(endpoint: Endpoint) -> tuple[Stop, str, float | None]:
    """What it says of its health, and how far its clock is ahead of this one."""
    api, asked = ServerApi(endpoint, patience=TO_ANSWER), time.time()
    try:
        answer = api.get("/api/health", {})
    except (Throttled, Unreachable) as error:
        return Stop.UNWELL, str(error), None
    except (Unauthorized, Refused) as error:
        return Stop.STRANGER, f"it answers {error}", None
    except ApiError as error:
        return Stop.STRANGER, str(error), None
    finally:
        api.close()
    if answer.get("service") != SERVICE:
        return Stop.STRANGER, "it answers, but not as a server of ours", None
    return Stop.ARRIVED, f"version {_text(answer, 'version')}", _ahead(answer, (asked + time.time()) / 2)


def _ahead(answer: dict[str, Any], between: float) -> float | None:
    moment = parse_time(_text(answer, "timestamp"))
    return moment.timestamp() - between if moment else None


def _text(answer: dict[str, Any], name: str) -> str:
    value = answer.get(name)
    return value[:64] if isinstance(value, str) else "unknown"
