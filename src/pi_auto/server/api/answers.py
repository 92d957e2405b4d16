"""JSON answers. Everything beyond ASCII is escaped: an answer is also read on terminals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import Response

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def to_json(payload: Mapping[str, Any]) -> str:
    """The payload as ASCII JSON in one line."""
    return json.dumps(payload, separators=(",", ":"), allow_nan=False)


def respond(payload: Mapping[str, Any], status: int = 200) -> Response:
    """An answer that holds the payload."""
    return Response(to_json(payload) + "\n", status, HEADERS, mimetype="application/json")
