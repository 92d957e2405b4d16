"""What the administrator's commands say to a person. Pure."""

from __future__ import annotations

import json
from typing import Any

from pi_auto.wire.escape import printable


def tokens(answer: dict[str, Any]) -> str:
    """Every token on a line."""
    lines = [
        f"{one['name']:<24} {one['scopes']:<32} made {one['made']}"
        + (f", revoked {one['revoked']}" if one["revoked"] else f", until {one['expires'] or 'revoked'}")
        for one in answer["tokens"]
    ]
    return "\n".join(lines) or "there are no tokens"


def pending(answer: dict[str, Any]) -> str:
    """Every device that waits on a line."""
    return "\n".join([*map(_waiting, answer["pending"]), *_and_more(answer)]) or "no device waits"


def _and_more(answer: dict[str, Any]) -> list[str]:
    """A line that says how many there are beside those that are listed."""
    return [f"and {answer['more']} more"] if answer.get("more") else []


def _waiting(one: dict[str, Any]) -> str:
    device = f"{one['serial']:<20} {one['fingerprint'][:16]} {one['device_id']:<16}"
    return f"{device} {one['reason']:<12} {one['address']}" + (" (approved)" if one["approved_by"] else "")


def refused(answer: dict[str, Any]) -> str:
    """Who was refused."""
    return f"refused {answer['device_id']}; its key is shut out"


def code(answer: dict[str, Any]) -> str:
    """The code, and how long it is good."""
    bound = f"good once, for {answer['minutes']} minutes; it lets a device in: show it to nobody else"
    return f"{answer['code']}\n{bound}"


def clones(answer: dict[str, Any]) -> str:
    """Every device that is two on a line."""
    lines = [
        f"{one['device_id']:<16} two since {one['since']}, noticed {one['noticed_at']}: {one['evidence']}"
        for one in answer["clones"]
    ]
    return "\n".join(lines) or "no key is had by two devices"


def shut_out(answer: dict[str, Any]) -> str:
    """Every serial and key on a line."""
    lines = [
        f"{one['kind']:<6} {one['value']:<64} by {one['made_by']} {one['made_at']} {printable(one['reason'])}"
        for one in answer["shut_out"]
    ]
    return "\n".join([*lines, *_and_more(answer)]) or "nobody is shut out"


def wishes(answer: dict[str, Any]) -> str:
    """Every wish on a line."""
    lines = [
        f"{one['device_id']:<16} {one['wish']:<8} {one['made_at']} tried {one['tries']}"
        f" {printable(one['error'] or '')}"
        for one in answer["wishes"]
    ]
    return "\n".join(lines) or "the hub was told everything"


def card(answer: dict[str, Any]) -> str:
    """The card as it is written to fleet.json."""
    return json.dumps(answer["card"], indent=2)


def secret(answer: dict[str, Any]) -> str:
    """The secret, where one was made."""
    return str(answer["secret"] or "preauthorised")


def done(answer: dict[str, Any]) -> str:
    """Done, and what is left to do."""
    return f"done; {printable(answer['hub'])}" if "hub" in answer else "done"


def rotated(answer: dict[str, Any], leaked: bool) -> str:
    """What a new certificate means, and what it does not where the old key has leaked."""
    where = "server and hub show it" if answer["shown"] else "it is shown within seconds, when the hub is back"
    said = f"a new certificate, good until {answer['ends']}; {where}. Devices need nothing"
    if not leaked:
        return said
    return (
        f"{said}\nThe old key is not refused by that: until {answer['before']} whoever has it, and stands in a"
        " device's way, can pose as this server. What was recorded before cannot be read with it. If that is too"
        " long, keep the devices' network to yourself until then"
    )
