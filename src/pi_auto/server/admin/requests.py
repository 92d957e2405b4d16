"""The administrator's requests, each a name and a function; what they decide is in the audit trail.

Fields come in and JSON goes out; a FieldError is the refusal. Secrets go out once and stay nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pi_auto.server.admin import devices, people, taking
from pi_auto.server.admin.administrator import Administrator
from pi_auto.server.legacy import requests as legacy
from pi_auto.server.operators.rules import Scope
from pi_auto.server.releases import requests as releases
from pi_auto.server.rollouts import requests as rollouts
from pi_auto.wire.fields import Fields

Answer = Callable[[Administrator, Fields], dict[str, Any]]

REQUESTS: dict[str, tuple[Scope, Answer]] = (
    {
        "link": (Scope.OPERATORS, people.make_link),
        "token create": (Scope.OPERATORS, people.create_token),
        "token list": (Scope.OPERATORS, people.list_tokens),
        "token revoke": (Scope.OPERATORS, people.revoke_token),
        "pending": (Scope.DEVICES, devices.list_pending),
        "approve": (Scope.DEVICES, devices.approve),
        "refuse": (Scope.DEVICES, devices.refuse),
        "revoke": (Scope.DEVICES, devices.revoke),
        "lift": (Scope.DEVICES, devices.lift),
        "decommission": (Scope.DEVICES, devices.decommission),
        "settle": (Scope.DEVICES, devices.settle),
        "clones": (Scope.DEVICES, devices.list_clones),
        "shut out": (Scope.DEVICES, devices.list_shut_out),
        "wishes": (Scope.DEVICES, devices.list_wishes),
        "preauthorise": (Scope.FLEET, devices.preauthorise),
        "policy": (Scope.FLEET, taking.set_policy),
        "batch create": (Scope.FLEET, taking.make_batch),
        "batch end": (Scope.FLEET, taking.end_batch),
        "batch list": (Scope.FLEET, taking.list_batches),
        "code": (Scope.FLEET, taking.make_code),
        "card": (Scope.FLEET, taking.hand_out_card),
        "rotate certificate": (Scope.FLEET, taking.rotate_certificate),
    }
    | {name: (Scope.FLEET, ask) for name, ask in (legacy.REQUESTS | releases.REQUESTS).items()}
    | rollouts.REQUESTS
)


def answer(admin: Administrator, question: dict[str, Any]) -> dict[str, Any]:
    """The answer to one question of somebody who may ask it. Raises FieldError."""
    fields = Fields(question)
    _, ask = REQUESTS[fields.choice("request", tuple(REQUESTS))]
    return ask(admin, fields)
