"""The certificate that the hub shows, which can be replaced while it runs.

Every listener has a context, and every new connection takes its certificate from there: a context
that loads another one serves it from the next connection on, and leaves those that there are alone.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable
from pathlib import Path

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2; those of 1.3 are all good


class NotACertificateError(ValueError):
    """What was to be shown is no certificate with its key."""


def context_of(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """A server's context: nothing below TLS 1.2, no cipher without forward secrecy. Raises OSError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.load_cert_chain(certificate, key)
    return context


def replace(contexts: Iterable[ssl.SSLContext], pem: str) -> None:
    """Show the chain and key of `pem` to whoever comes from now on. Raises NotACertificateError.

    It is tried apart first, since a context that has loaded half of it would serve nobody.
    """
    descriptor = os.memfd_create("certificate")
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(pem.encode())
        path = Path(f"/proc/self/fd/{descriptor}")
        for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), *contexts):
            context.load_cert_chain(path)
    except OSError as error:  # ssl.SSLError is one
        raise NotACertificateError(f"the certificate and its key cannot be used: {error}") from None
    finally:
        os.close(descriptor)
