"""Makes this device a fleet's: finds its server, enrols there by the code, and only then keeps the card.

Whatever is refused leaves no trace but the device's own key. An answer that is lost costs nothing: the fleet knows
the key by then, and takes the same device in again when the code is scanned once more.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.binding.seeking import CODE, Met, Seeker
from pi_auto.client.agent.enrolment.identity import NoIdentity
from pi_auto.client.agent.enrolment.invitation import Invitation
from pi_auto.client.agent.enrolment.moving import own_identity
from pi_auto.client.agent.enrolment.registration import store_registration
from pi_auto.client.agent.enrolment.system_info import system_info
from pi_auto.client.agent.enrolment.ways import ByKey, serial_of
from pi_auto.client.agent.errors import ApiError, NotEnrolled
from pi_auto.client.agent.network.candidates import SETTING, Candidate
from pi_auto.client.agent.network.keeping import keep_address
from pi_auto.client.binding.keeping import BY_CODE, BY_FIRST, Bond, keep_bond
from pi_auto.client.binding.outcomes import Outcome
from pi_auto.client.settings import Settings
from pi_auto.client.whereabouts import addresses_set, giver
from pi_auto.wire.binding import BindingCode
from pi_auto.wire.registration import RegistrationAnswer
from pi_auto.wire.server_address import PUBLIC, ServerAddress, is_name
from pi_auto.wire.verdicts import Refusing, Waiting

log = logging.getLogger("pi_auto.registration")

_TRIES, _PAUSE = 3, 2.0  # of the enrolment where the network fails; seconds in between
_REFUSED = {Refusing.SECRET: Outcome.WRONG_CODE, Refusing.CROWDED: Outcome.CROWDED}


class Binder:
    """Of the device with these settings. `bound` is called once there is a card; for all threads."""

    def __init__(self, settings: Settings, bound: Callable[[], None] = lambda: None) -> None:
        self._settings, self._bound = settings, bound
        self._lock = threading.Lock()

    def bind(self, code: BindingCode) -> Outcome:
        """What comes of a code."""
        seeker = Seeker(code.fits, self._settings.proxy)
        met = seeker.seek(code.fleet_id, self._known(code.server))
        if not isinstance(met, Met):
            log.warning("no server of the fleet in the code: %s", "; ".join(met) or "nobody answers")
            return _unmet(seeker)
        try:
            return self._enrol(met, code)
        except (OSError, NoIdentity) as error:
            log.error("this device cannot be bound: %s", error)  # noqa: TRY400 - all is said
            return Outcome.FAILED

    def trust_first(self) -> bool:
        """Belong to the fleet of the first server that answers; whether there was one. Raises OSError."""
        met = Seeker(lambda _: True, self._settings.proxy).seek(None, self._known(None))
        if not isinstance(met, Met):
            log.warning("no server is found to be trusted: %s", "; ".join(met) or "nobody answers")
            return False
        self._keep(met, BY_FIRST)
        log.warning(
            "this device trusts the first server that it has found, at %s: it belongs to fleet %s from now on",
            met.address, met.card.fleet_id,
        )  # fmt: skip
        return True

    def _known(self, named: ServerAddress | None) -> Sequence[Candidate]:
        """Where to look first: a name may have a public certificate."""
        addresses = [named] if named else []
        if named and is_name(named.host):
            addresses.append(ServerAddress(named.host, named.port, PUBLIC))
        found = {each: Candidate(each, CODE) for each in addresses}
        for each in addresses_set(self._settings):
            found.setdefault(each, Candidate(each, SETTING))
        return list(found.values())

    def _enrol(self, met: Met, code: BindingCode) -> Outcome:
        folder, giver_ = self._settings.agent_folder, giver(self._settings, met.card)
        identity = own_identity(folder, self._settings.device_id)
        shown = Invitation(secret=code.shown_secret)
        way = ByKey(folder, giver_, met.card.fleet_id, identity, serial_of(identity), shown)
        try:
            given = _asked(way, met)
        except NotEnrolled as error:
            log.warning("%s", error)
            if not isinstance(error.reason, Waiting):
                return _REFUSED.get(Refusing(error.reason), Outcome.NOT_TAKEN)
            self._keep(met, BY_CODE)
            return Outcome.WAITS
        except ApiError as error:
            log.warning("the fleet's server was found, and could not be asked: %s", error)
            return Outcome.NO_SERVER
        store_registration(folder, giver_, given)
        self._keep(met, BY_CODE)
        return Outcome.BOUND

    def _keep(self, met: Met, by: str) -> None:
        folder = self._settings.agent_folder
        now = met.endpoint.as_of() if met.endpoint.as_of else datetime.now(UTC)
        with self._lock:
            keep_bond(folder, Bond(met.card, by, now, str(met.address)))
        keep_address(folder, met.address)
        log.info("this device belongs to fleet %s from now on", met.card.fleet_id)
        self._bound()


def _asked(way: ByKey, met: Met) -> RegistrationAnswer:
    """What the fleet gives; asked more than once where the network fails. Raises ApiError."""
    api = ServerApi(met.endpoint)
    try:
        for tries in range(_TRIES):
            try:
                return way.ask(api, system_info(met.endpoint.first_hop))
            except NotEnrolled:
                raise
            except ApiError:
                if tries == _TRIES - 1:
                    raise
            time.sleep(_PAUSE)
        raise AssertionError("the last try returns or raises")
    finally:
        api.close()


def _unmet(seeker: Seeker) -> Outcome:
    if seeker.met_wrong_dates:
        return Outcome.CLOCK
    return Outcome.IMPOSTOR if seeker.met_stranger else Outcome.NO_SERVER
