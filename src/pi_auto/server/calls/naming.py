"""Which device a person means: by its id, or by a host name that only one device has. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from pi_auto.wire.errors import shown

_FEW = 5

Known = Sequence[tuple[str, str | None]]  # id and host name


class UnknownDevice(Exception):  # noqa: N818 - it reads as the sentence it is
    """No device is meant, or several; the sentence says which there are."""


def meant(name: str, known: Known) -> str:
    """The id of the device that is meant. Raises UnknownDevice."""
    if any(name == device_id for device_id, _ in known):
        return name
    namesakes = [device_id for device_id, hostname in known if hostname == name]
    if len(namesakes) == 1:
        return namesakes[0]
    if namesakes:
        raise UnknownDevice(f"{len(namesakes)} devices have the host name {shown(name)}; name one by its id: "
                            + _few(namesakes))  # fmt: skip
    raise UnknownDevice(f"no device has the id or the host name {shown(name)}; {_allowed(name, known)}")


def _allowed(name: str, known: Known) -> str:
    if not known:
        return "none has registered yet"
    names = [device_id for device_id, _ in known]
    hostnames = [hostname for _, hostname in known if hostname]
    if close := get_close_matches(name, dict.fromkeys([*names, *hostnames]), n=_FEW):
        return f"did you mean {' or '.join(map(repr, close))}?"
    return f"there are {len(names)}: {_few(names)}"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_FEW]) + (f" and {len(names) - _FEW} more" if len(names) > _FEW else "")
