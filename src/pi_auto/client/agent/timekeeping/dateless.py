"""One question for the time over TLS that looks at chain and name, but not at dates; nothing else is ever sent so.

Dates cannot be judged by a clock that is wrong. A certificate that ran out may be in a thief's hands by
now, so nothing the device holds goes over such a connection: only a nonce, which is worth nothing,
and back comes a time that is believed for the fleet's signature alone.
"""

from __future__ import annotations

import http.client
import json
from typing import Any

from pi_auto.client.agent.errors import Garbled, Unreachable
from pi_auto.client.agent.network.lone_call import Call, answer_to
from pi_auto.client.agent.tls import NamedContext, context_for, without_dates
from pi_auto.client.clockfloor.proven import MOST_PROOF
from pi_auto.client.endpoint import Endpoint

PATIENCE = 8.0  # seconds altogether
_PATH = "/api/fleet_proof"


def post_without_dates(endpoint: Endpoint, question: dict[str, Any]) -> Any:
    """The answer to the one question. Raises ApiError."""
    call = Call(_PATH, MOST_PROOF, json.dumps(question).encode(), PATIENCE)
    try:
        return json.loads(answer_to(call, endpoint, _context(endpoint)))
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"nor does it tell the time: {error}") from None
    except (http.client.HTTPException, ValueError, RecursionError) as error:
        raise Garbled(f"nor does it tell the time: {error!r}"[:300]) from None


def _context(endpoint: Endpoint) -> NamedContext:
    context = context_for(endpoint.name, endpoint.ca)
    without_dates(context)
    return context
