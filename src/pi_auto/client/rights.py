"""Gives root's rights up for good: what a person calls by sudo touches the agent's files as the agent's user.

A file that another user can write must never be opened by root: whoever owns its folder could
have put a link there.
"""

from __future__ import annotations

import grp
import os
import pwd
from contextlib import suppress

AGENT, CAPTURE = "pi-auto", "pi-auto-capture"
JOURNAL = "systemd-journal"


def become(user: str, *groups: str) -> bool:
    """Be `user` from here on, with those of `groups` that exist here. False where this is not root to begin with.

    Raises LookupError if there is no such user: nothing is installed here then.
    """
    if os.geteuid() != 0:
        return False
    entry = pwd.getpwnam(user)
    ids = []
    for group in groups:
        with suppress(KeyError):
            ids.append(grp.getgrnam(group).gr_gid)
    os.setgroups(ids)
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    return True
