"""`pi-auto-hub device …` and `connection-string`: the registry from the command line.

While a hub runs it is asked over its socket, so that a device that may no longer connect is
sent away at once; while none runs the database is opened under the hub's lock.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from pi_auto.hub.database import Database
from pi_auto.hub.errors import OperatorError
from pi_auto.hub.locking import LockedError, locked
from pi_auto.hub.options import NAME_FILE
from pi_auto.hub.policies import Policies
from pi_auto.hub.registry import Device, DeviceMissingError, Registry, Wish
from pi_auto.wire.ids import DEVICE_ID

_PATIENCE = 10.0  # seconds for a running hub's answer
_ASKED: dict[str, dict[str, Any]] = {
    "create": {"op": "put_device"},
    "delete": {"op": "delete_device"},
    "enable": {"op": "set_enabled", "enabled": True},
    "disable": {"op": "set_enabled", "enabled": False},
}
_VERBS = {
    "create": "let a device connect; its keys stay if it is there already",
    "list": "print one device a line: its id, and whether it is enabled",
    "delete": "forget a device, its twin and its keys",
    "disable": "send a device away at once, and let it connect no more",
    "enable": "let it connect again",
}
_EXAMPLES = """examples:
  pi-auto-hub device create --data ./hub till-3
  pi-auto-hub connection-string --data ./hub --device till-3    what the device is told, with its key
  pi-auto-hub device disable --data ./hub till-3
  pi-auto-hub device list --data ./hub
"""


def add_commands(commands: Any) -> None:
    """Add both commands to the parser."""
    text = commands.add_parser("connection-string", help="show how to connect: the service side, or a device")
    text.add_argument("--data", type=Path, required=True, metavar="DIR", help="the hub's folder")
    text.add_argument("--device", metavar="ID", help="a device instead of the service side")
    text.add_argument("--policy", default="iothubowner", metavar="NAME", help="the policy (default: iothubowner)")
    text.set_defaults(action=show_connection_string)
    about = "create, list, delete, disable or enable devices"
    device = commands.add_parser(
        "device",
        help=about,
        description=about,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = device.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, about in _VERBS.items():
        command = verbs.add_parser(verb, help=about, description=about)
        command.add_argument("--data", type=Path, required=True, metavar="DIR", help="the hub's folder")
        if verb != "list":
            command.add_argument("device_id", metavar="ID", type=_device_id, help="the device")
        command.set_defaults(action=list_devices if verb == "list" else change_device)


def show_connection_string(arguments: argparse.Namespace) -> int:
    """Print one, on stdout alone: it holds a key."""
    data: Path = arguments.data.absolute()
    print(asyncio.run(_with_stores(data, lambda stores: _connection_string(stores, arguments, _name(data)))))
    return 0


def list_devices(arguments: argparse.Namespace) -> int:
    """Print one device a line: its id, and whether it is enabled."""
    for device in asyncio.run(_with_stores(arguments.data.absolute(), _devices)):
        print(device.device_id, "enabled" if device.enabled else "disabled", sep="\t")
    return 0


def change_device(arguments: argparse.Namespace) -> int:
    """Create, delete, enable or disable one."""
    data, verb, device_id = arguments.data.absolute(), arguments.verb, arguments.device_id
    _check(data)
    try:
        with locked(data):
            asyncio.run(_with_stores(data, lambda stores: _change(stores, verb, device_id)))
    except LockedError:
        _ask(data / "hub.sock", _ASKED[verb] | {"device_id": device_id})
    return 0


Stores = tuple[Registry, Policies]


async def _with_stores(data: Path, job: Callable[[Stores], Awaitable[Any]]) -> Any:
    _check(data)
    async with AsyncExitStack() as stack:
        database = Database(data / "registry.sqlite")
        stack.push_async_callback(database.close)
        return await job((await Registry.load(database), await Policies.load(database)))


async def _devices(stores: Stores) -> list[Device]:
    return list(stores[0])


async def _connection_string(stores: Stores, arguments: argparse.Namespace, host: str) -> str:
    registry, policies = stores
    if arguments.device is not None:
        device = registry.find(arguments.device)
        if device is None:
            raise OperatorError(
                f"the hub knows no device {arguments.device!r}: `pi-auto-hub device create` makes one"
            )
        return f"HostName={host};DeviceId={device.device_id};SharedAccessKey={device.primary_key}"
    policy = policies.find(arguments.policy)
    if policy is None:
        raise OperatorError(f"the hub has no policy {arguments.policy!r}")
    return f"HostName={host};SharedAccessKeyName={policy.name};SharedAccessKey={policy.primary_key}"


async def _change(stores: Stores, verb: str, device_id: str) -> None:
    registry = stores[0]
    try:
        if verb == "create":
            await registry.put(device_id)
        elif verb == "delete":
            await registry.delete(device_id)
        else:
            await registry.update(device_id, Wish(enabled=verb == "enable"))
    except DeviceMissingError:
        raise OperatorError(f"the hub knows no device {device_id!r}") from None


def _ask(path: Path, request: dict[str, Any]) -> None:
    """Have the running hub do it."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_PATIENCE)
            _connect(connection, path)
            with connection.makefile("rwb") as lines:
                lines.write(json.dumps(request).encode() + b"\n")
                lines.flush()
                answer = json.loads(lines.readline() or b"{}")
    except (OSError, ValueError) as error:
        raise OperatorError(f"the hub that runs does not answer on {path}: {error}") from error
    if not answer.get("ok"):
        raise OperatorError(f"the hub refuses: {answer.get('error', 'it said nothing')}")


def _connect(connection: socket.socket, path: Path) -> None:
    """However long the path is, as that of a server's hub may be: the kernel takes 107 bytes."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        connection.connect(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def _name(data: Path) -> str:
    try:
        return (data / NAME_FILE).read_text().strip()
    except FileNotFoundError:
        raise OperatorError(f"{data} has no name yet: run the hub once") from None


def _check(data: Path) -> None:
    if not (data / "registry.sqlite").exists():
        raise OperatorError(f"{data} is not the folder of a hub: run `pi-auto-hub run --data {data}` first")


def _device_id(text: str) -> str:
    if not DEVICE_ID.match(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no device id: letters, digits, dots, dashes; at most 63")
    return text
