"""Who is at the keyboard, as the operating system knows it."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping


def who(environment: Mapping[str, str] = os.environ) -> str:
    """The user's name; of root also who became root by sudo, as far as that says."""
    name = _name(os.getuid())
    behind = environment.get("SUDO_USER", "")
    return f"{name} (sudo by {behind})" if os.getuid() == 0 and behind and behind != name else name


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
