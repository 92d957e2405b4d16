"""Announces the server on its own networks by mDNS (DNS-SD), so that devices without an address find it.

What is told is no secret and no proof: the fleet's id, and where HTTPS and the port without TLS are. The addresses
of this machine are looked at now and then, and announced anew when they are others.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from ipaddress import ip_address

from zeroconf import Error, InterfaceChoice, IPVersion, ServiceInfo, Zeroconf

from pi_auto.server.settings import Address
from pi_auto.server.trust.own_names import IpAddress, machine_addresses
from pi_auto.wire.announcement import FLEET_KEY, HTTP_KEY, SERVICE_TYPE

_LOOK_EVERY = 2.0  # seconds
_AGAIN = 60.0  # seconds, after it could not be announced
_LAST_WORDS = 2.0  # seconds for taking it back
_MOST = 16  # addresses: an answer is to fit into one packet
_log = logging.getLogger(__name__)

Places = tuple[IpAddress, ...]


def places_of(listening: Address, own: Iterable[IpAddress]) -> Places:
    """The addresses by which others reach a port that listens there, of this machine's own ones."""
    bound = ip_address(listening.host)
    versions = {4} if bound.version == 4 else {4, 6}  # Linux takes IPv4 on `::` as well
    wanted = (each for each in own if each.version in versions) if bound.is_unspecified else (bound,)
    reached = sorted({each for each in wanted if _is_reached(each)}, key=lambda each: (each.version, int(each)))
    return tuple(reached[:_MOST])


class Announcing:
    """A thread that announces `fleet_id` at `https`, and where the port without TLS is, until it is closed."""

    def __init__(
        self, fleet_id: str, https: Address, http_port: int | None,
        own: Callable[[], Iterable[IpAddress]] = machine_addresses,
    ) -> None:  # fmt: skip
        self._https, self._own = https, own
        self._told = {FLEET_KEY: fleet_id} | ({HTTP_KEY: str(http_port)} if http_port else {})
        self._name = f"{fleet_id}-{secrets.token_hex(4)}"  # a fleet may have several servers, and several starts
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="announcing", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take it back; whoever asks from now on gets no answer."""
        self._stop.set()
        self._thread.join(_LAST_WORDS)

    def _run(self) -> None:
        announced: Places = ()
        voice: Zeroconf | None = None
        while not self._stop.is_set():
            places = places_of(self._https, self._own())
            if places != announced:
                _silence(voice)
                voice = self._announce(places) if places else None
                announced = places
            lost = bool(places) and voice is None
            if lost:
                announced = ()
            self._stop.wait(_AGAIN if lost else _LOOK_EVERY)
        _silence(voice)

    def _announce(self, places: Places) -> Zeroconf | None:
        voice = None
        try:
            voice = Zeroconf(InterfaceChoice.All, ip_version=_versions(places))
            voice.register_service(self._info(places))
        except (OSError, Error, RuntimeError) as error:
            _log.warning("the server cannot announce itself by mDNS, next try in %.0f s: %s", _AGAIN, error)
            _silence(voice)
            return None
        _log.info("announced by mDNS at %s, port %d", ", ".join(map(str, places)), self._https.port)
        return voice

    def _info(self, places: Places) -> ServiceInfo:
        return ServiceInfo(
            SERVICE_TYPE,
            f"{self._name}.{SERVICE_TYPE}",
            port=self._https.port,
            properties=self._told,
            server=f"{self._name}.local.",
            addresses=[each.packed for each in places],
        )


def _silence(voice: Zeroconf | None) -> None:
    if voice:
        with suppress(OSError, Error, RuntimeError):
            voice.close()


def _versions(places: Places) -> IPVersion:
    return IPVersion.All if any(each.version == 6 for each in places) else IPVersion.V4Only


def _is_reached(address: IpAddress) -> bool:
    return not (address.is_loopback or address.is_unspecified or (address.version == 6 and address.is_link_local))
