"""TLS whose verified name is fixed beforehand, whatever address is dialled.

http.client and paho both verify the host that they dial (paho: issue 734 of its
repository). Both only ever call `wrap_socket` of the context they are given, by TCP and by
WebSocket alike, so this is the one place where the name is put in, and where a connection
to a proxy is made one to the hub. Verification is never off.
"""

from __future__ import annotations

import socket
import ssl
import time
import weakref
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pi_auto.client.agent.dialling import open_tunnel

_TUNNEL = 5.0  # seconds for a proxy to answer
NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME (<openssl/x509_vfy.h>), which Python has no name for
_NOT_YET, _RUN_OUT = 9, 10  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED


class NamedContext(ssl.SSLContext):
    """A client's context that verifies one name; `beyond` is what the proxy that was dialled is asked for.

    With `as_of` the dates of the server's certificate are held against the time it tells, not against the clock.
    """

    verified_name: str
    beyond: tuple[str, int] | None = None
    as_of: Callable[[], datetime] | None = None
    _wrapped: weakref.ref[ssl.SSLSocket] | None = None

    def wrap_socket(self, sock: socket.socket, *args: Any, **options: Any) -> ssl.SSLSocket:
        """The socket with TLS on it; a certificate for any other name than `verified_name` ends the handshake.

        The handshake is done here, whoever calls: paho would leave the socket open when it fails.
        """
        ours = {"server_hostname": self.verified_name, "do_handshake_on_connect": True}
        if self.beyond:
            self._open_tunnel(sock, self.beyond)
        wrapped = super().wrap_socket(sock, *args, **(options | ours))
        self._wrapped = weakref.ref(wrapped)
        if self.as_of:
            _check_dates(wrapped, self.as_of())
        return wrapped

    def hang_up(self) -> None:
        """Close what was wrapped last: paho forgets it where the WebSocket does not come about."""
        wrapped = self._wrapped and self._wrapped()
        if wrapped:
            wrapped.close()

    @staticmethod
    def _open_tunnel(sock: socket.socket, target: tuple[str, int]) -> None:
        try:
            patience = sock.gettimeout()
            open_tunnel(sock, target, time.monotonic() + (patience or _TUNNEL))
            sock.settimeout(patience)
        except BaseException:
            sock.close()
            raise


def without_dates(context: ssl.SSLContext) -> None:
    """Have it verify chain and name, and no dates: whoever asks for that says what such a connection is worth."""
    context.verify_flags = ssl.VerifyFlags(context.verify_flags | NO_CHECK_TIME)


def _check_dates(wrapped: ssl.SSLSocket, moment: datetime) -> None:
    """Close it and raise SSLCertVerificationError if the certificate, else verified, is not good at a moment."""
    shown = wrapped.getpeercert() or {}
    begins, ends = (_moment(str(shown[name])) for name in ("notBefore", "notAfter"))
    if begins <= moment <= ends:
        return
    wrapped.close()
    error = ssl.SSLCertVerificationError(f"it is good from {begins} to {ends}, and it is {moment:%Y-%m-%d %H:%M}")
    error.verify_code = _NOT_YET if moment < begins else _RUN_OUT
    raise error


def _moment(date: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(date), UTC)


def context_for(
    name: str, ca: Path | str | None, *, system_too: bool = False, as_of: Callable[[], datetime] | None = None
) -> NamedContext:
    """A context for `name` that believes the authorities in `ca`, a PEM file or PEM text, else the system's.

    `system_too` believes both: the fleet's hub may be Azure's. With `as_of` the server's certificate has to be
    good at the time it tells; the authority's dates are for whoever knows that. Raises OSError if `ca` fails.
    """
    context = NamedContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies chain and name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verified_name = name
    if as_of:
        context.as_of = as_of
        without_dates(context)
    if isinstance(ca, str):
        context.load_verify_locations(cadata=ca)
    elif ca is not None:
        context.load_verify_locations(ca)
    if ca is None or system_too:
        context.load_default_certs()
    return context
