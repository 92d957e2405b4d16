"""What is refused of a server that is set: a way that anybody can read, and authorities that cannot be read."""

from __future__ import annotations

from pathlib import Path

from pi_auto.client.endpoint import Endpoint, is_loopback
from pi_auto.wire.errors import FieldError


def refuse_lost_authorities(ca: Path | None) -> None:
    """Raises FieldError where a file of authorities is named that is not there for this user."""
    if ca and not _is_file(ca):
        raise FieldError(
            "server_ca", repr(str(ca)),
            "a PEM file of the authorities to believe, where the services can see it: not in /home or /root",
        )  # fmt: skip


def refuse_plain(url: str, endpoint: Endpoint) -> None:
    """Raises FieldError where the way to what `url` names is without TLS, and leaves this machine."""
    if not endpoint.tls and not is_loopback(endpoint.dialled[0]):
        raise FieldError(
            "server_url", repr(url),
            "https://…, or http:// to this machine itself; with --insecure-plain-http also http:// "
            "across a network, where anybody can read the barcodes and the device's credentials",
        )  # fmt: skip


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # its folder is not for this user, or its name is none
        return False
