"""What is answered on the hub's Unix socket: an object a line; the protocol is wire/hublink.py."""

from __future__ import annotations

import json
from typing import Any

Answer = dict[str, Any]


def refusal(reason: str) -> Answer:
    """Why a request was not done."""
    return {"ok": False, "error": reason}


def line_of(answer: Answer) -> bytes:
    """An answer as it travels."""
    return json.dumps(answer).encode() + b"\n"
