"""Goes the whole way to the server once, and tells at which step it ended: name, TCP, TLS, answer.

Every step is bounded in time and size. Nothing is sent but the question that discovery asks
of everybody, and certificates are believed as the agent believes them.
"""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.dialling import dial
from pi_auto.client.agent.errors import ApiError, Refused, Throttled, Unauthorized, Unreachable
from pi_auto.client.agent.tls import context_for, without_dates
from pi_auto.client.doctor.patience import Aside
from pi_auto.client.doctor.portal import portal_at
from pi_auto.client.endpoint import Endpoint, is_loopback
from pi_auto.client.settings import Settings, SettingsError
from pi_auto.client.whereabouts import known_endpoint
from pi_auto.wire.errors import FieldError
from pi_auto.wire.health import SERVICE
from pi_auto.wire.times import parse_time

TO_LOOK_UP, TO_CONNECT, TO_ANSWER = 6.0, 4.0, 5.0  # seconds
_SMALL = 500  # bytes: RFC 791 has every network carry packets of 576
_DATES = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_NAMES = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


class Stop(StrEnum):
    """The step that the way to the server ended at."""

    UNSET = "no server is set"
    NAME = "its name leads nowhere"
    REFUSED = "nobody listens there"
    SILENT = "no connection"
    PROXY = "no way by the site's proxy"
    PORTAL = "the network wants somebody to log in first"
    LARGE = "only small packets come through"
    AUTHORITIES = "the authorities to believe cannot be read"
    NO_TLS = "no TLS"
    CHAIN = "a certificate of an authority that is not believed"
    NAMED = "a certificate of another name"
    DATES = "a certificate whose dates alone are not right"
    STRANGER = "not a server of ours"
    UNWELL = "no proper answer"
    UNPROVEN = "it does not prove the fleet"
    ARRIVED = "the whole way was gone"


_AS_BY_A_PORTAL = frozenset((Stop.REFUSED, Stop.SILENT, Stop.NO_TLS, Stop.CHAIN, Stop.NAMED))


@dataclass(frozen=True, slots=True)
class Exchange:
    """How far it went. `ahead` is by how many seconds the server's clock is before this one, if it told."""

    stop: Stop
    said: str = ""
    address: str = ""
    name: str = ""
    ahead: float | None = None
    now: datetime | None = None


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


def look_up(host: str) -> list[str]:
    """The addresses of a host; OSError if there are none, TimeoutError if the resolver does not answer."""
    work = Aside(lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
    found = work.result(time.monotonic() + TO_LOOK_UP)
    return sorted({str(entry[4][0]) for entry in found})


def knock(host: str, port: int) -> str:
    """Why there is no TCP connection to be had; empty if there is one."""
    try:
        look_up(host)
        socket.create_connection((host, port), TO_CONNECT).close()
    except (OSError, UnicodeError) as error:
        return told(error)
    return ""


def told(error: Exception) -> str:
    """What an error of the network says, without its number."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or f"{error}" or repr(error)


def _connect(endpoint: Endpoint) -> tuple[Stop, str]:
    try:
        look_up(endpoint.first_hop[0])
    except (OSError, UnicodeError) as error:
        return Stop.NAME, told(error)
    try:
        with dial(endpoint.dialled, endpoint.proxy, time.monotonic() + TO_CONNECT) as plain:
            return _greet(endpoint, plain) if endpoint.tls else (Stop.ARRIVED, "")
    except OSError as error:
        if endpoint.proxy:
            return Stop.PROXY, told(error)
        return (Stop.REFUSED if isinstance(error, ConnectionRefusedError) else Stop.SILENT), told(error)


def _greet(endpoint: Endpoint, plain: socket.socket) -> tuple[Stop, str]:
    """The TLS handshake, and which part of the certificate it fails for."""
    try:
        context = context_for(endpoint.name, endpoint.ca)
    except OSError as error:
        return Stop.AUTHORITIES, f"{endpoint.ca}: {told(error)}"
    try:
        context.wrap_socket(plain).close()
    except ssl.SSLCertVerificationError as error:
        return _fault_of(endpoint, error)
    except TimeoutError as error:
        return (Stop.LARGE if _comes_through_in_small(endpoint) else Stop.NO_TLS), told(error)
    except OSError as error:
        return Stop.NO_TLS, told(error)
    return Stop.ARRIVED, ""


def _comes_through_in_small(endpoint: Endpoint) -> bool:
    """Whether the handshake goes well in packets that pass everywhere, where it did not in usual ones."""
    if endpoint.proxy:
        return False
    try:
        with _small_packets(endpoint.dialled) as plain:
            context_for(endpoint.name, endpoint.ca).wrap_socket(plain).close()
    except OSError:
        return False
    return True


def _small_packets(address: tuple[str, int]) -> socket.socket:
    """A connection on which neither side sends a large packet. Raises OSError."""
    family, kind, protocol, _, place = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.settimeout(TO_CONNECT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SMALL)
        sock.connect(place)
    except BaseException:
        sock.close()
        raise
    return sock


def _fault_of(endpoint: Endpoint, error: ssl.SSLCertVerificationError) -> tuple[Stop, str]:
    said = error.verify_message
    if error.verify_code in _DATES and _holds_but_for_its_dates(endpoint):
        return Stop.DATES, said
    return (Stop.NAMED if error.verify_code in _NAMES else Stop.CHAIN), said


def _holds_but_for_its_dates(endpoint: Endpoint) -> bool:
    """Whether the certificate would be believed at another time; nothing is sent over the connection."""
    context = context_for(endpoint.name, endpoint.ca)
    without_dates(context)
    try:
        with dial(endpoint.dialled, endpoint.proxy, time.monotonic() + TO_CONNECT) as plain:
            context.wrap_socket(plain).close()
    except OSError:
        return False
    return True


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
