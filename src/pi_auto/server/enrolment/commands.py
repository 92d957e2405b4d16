"""The commands `enrolment …` of `pi-auto-server`: which devices are taken in, and which are shut out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pi_auto.server.admin import teaching, words
from pi_auto.server.admin.asking import action_of, group_of
from pi_auto.server.sizing import whole

_OUT = "the device's id, or a key or serial of `enrolment shut-out`"
_POLICIES = ("approve", "batch", "preauthorised", "closed")


def add_enrolment(commands: Any) -> None:
    """Add them to a command line."""
    group = group_of(commands, "enrolment", "say which devices are taken in", teaching.ENROLMENT)
    add = action_of(group, "policy", "show or set the policy", "policy", lambda a: str(a["policy"]))
    add("policy", metavar="POLICY", nargs="?", choices=_POLICIES, help=", ".join(_POLICIES))
    for some in (_add_waiting, _add_code, _add_lists, _add_preauthorise, _add_batches, _add_devices):
        some(group)


def _add_waiting(group: Any) -> None:
    action_of(group, "pending", "list the devices that wait", "pending", words.pending)
    add = action_of(
        group, "approve", "say yes to a device that waits", "approve", lambda a: f"approved {a['device_id']}"
    )
    add("serial", metavar="SERIAL", help="of `enrolment pending`")
    add("fingerprint", metavar="KEY", help="the first digits, eight at least, of its key's fingerprint")
    add = action_of(group, "refuse", "say no to a device that waits: its key is shut out", "refuse", words.refused)
    add("serial", metavar="SERIAL", help="of `enrolment pending`")
    add("fingerprint", metavar="KEY", help="as with approve")


def _add_code(group: Any) -> None:
    add = action_of(group, "code", "make a one-time code that binds a box without a card", "code", words.code)
    add("serial", metavar="SERIAL", nargs="?", help="the only box that it is for (default: any)")
    add_addresses(add)


def _add_lists(group: Any) -> None:
    action_of(group, "clones", "list the devices whose key two devices have", "clones", words.clones)
    action_of(group, "shut-out", "list the serials and keys that are shut out", "shut out", words.shut_out)
    action_of(group, "hub", "list what the hub has still to be told", "wishes", words.wishes)


def _add_preauthorise(group: Any) -> None:
    add = action_of(group, "preauthorise", "let a serial in that has not asked yet", "preauthorise", words.secret)
    add(
        "serial",
        metavar="SERIAL",
        help="the serial number of the Raspberry Pi: grep Serial /proc/cpuinfo",
    )
    add("--fingerprint", metavar="KEY", help="its key's fingerprint; else a one-time secret is made for it")
    add("--days", metavar="N", type=whole(1, 366), default=30, help="how long that is good (%(default)s)")


def _add_batches(group: Any) -> None:
    add = action_of(group, "batch-create", "make a token that lets many in", "batch create", lambda a: a["token"])
    add("name", metavar="NAME", help="what the lists call it")
    add_batch_limits(add)
    add = action_of(group, "batch-end", "let a batch token be good for nothing", "batch end", lambda _: "ended")
    add("name", metavar="NAME", help="what it was called when it was made")


def _add_devices(group: Any) -> None:
    for name, about in (
        ("revoke", "shut a device out, whatever it shows"),
        ("lift", "let a device in again that was shut out, or a key, or a serial"),
        ("decommission", "forget whose key a device id belongs to"),
        ("settle", "say that one device alone has the key again that two had"),
    ):
        add = action_of(group, name, about, name, words.done)
        add("device_id", metavar="DEVICE", help=_OUT if name == "lift" else "the device's id, such as pi-1a2b3c4d")
        if name == "revoke":
            add("--reason", metavar="TEXT", default="", help="for the audit trail")


def add_batch_limits(add: Callable[..., Any]) -> None:
    """How far a batch token goes."""
    add("--most", metavar="N", type=whole(1, 1_000_000), default=100, help="how many devices (%(default)s)")
    add("--days", metavar="N", type=whole(1, 366), default=30, help="how long it is good (%(default)s)")


def add_addresses(add: Callable[..., Any]) -> None:
    """Where the device is told to find the server."""
    add(
        "--address", dest="servers", metavar="HOST:PORT", action="append", default=[],
        help="where devices find the server, several times (default: the running server's --server-name)",
    )  # fmt: skip
