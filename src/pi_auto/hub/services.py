"""What all conversations of one hub share, with devices and with whoever manages them."""

from __future__ import annotations

from dataclasses import dataclass

from pi_auto.hub.complaints import Complaints
from pi_auto.hub.eventlog.log import EventLog
from pi_auto.hub.kept_sessions import KeptSessions
from pi_auto.hub.mailbox import Mailbox
from pi_auto.hub.methods import Methods
from pi_auto.hub.policies import Policies
from pi_auto.hub.presence import Presences
from pi_auto.hub.registry import Registry
from pi_auto.hub.switchboard import Switchboard
from pi_auto.hub.throttles import Throttles
from pi_auto.hub.twins import Twins


@dataclass(frozen=True, slots=True)
class Services:
    """The hub's parts. `host` is its configured name, which devices verify and sign for."""

    host: str
    log: EventLog
    registry: Registry
    twins: Twins
    switchboard: Switchboard
    complaints: Complaints
    methods: Methods
    mailbox: Mailbox
    kept_sessions: KeptSessions
    throttles: Throttles
    policies: Policies
    presences: Presences
