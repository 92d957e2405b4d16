"""The TLS handshake with the server, and what it fails for. Certificates are believed as the agent does."""

from __future__ import annotations

import socket
import ssl
import time

from pi_auto.client.agent.dialling import dial
from pi_auto.client.agent.tls import context_for, without_dates
from pi_auto.client.doctor.exchange import Stop
from pi_auto.client.doctor.reaching import TO_CONNECT, told
from pi_auto.client.endpoint import Endpoint

_SMALL = 500  # bytes: RFC 791 has every network carry packets of 576
_DATES = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_NAMES = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


def greet(endpoint: Endpoint, plain: socket.socket) -> tuple[Stop, str]:
    """The TLS handshake over a connection, and what it fails for: ARRIVED where it does not."""
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
