"""The template of python-dbusmock that is a NetworkManager with networks of ours in the air.

dbusmock calls `load`. Only the system's Python runs it (network_manager.py).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dbus
import dbusmock
from gi.repository import GLib

NM = "org.freedesktop.NetworkManager"
BUS_NAME, MAIN_OBJ, MAIN_IFACE, SYSTEM_BUS = NM, "/org/freedesktop/NetworkManager", NM, False
SETTINGS, RADIO, DEVICE = f"{MAIN_OBJ}/Settings", f"{MAIN_OBJ}/Devices/3", f"{NM}.Device"
_STEP = 30  # ms between two states


def load(mock: Any, world: dict[str, Any]) -> None:
    """`air`: networks by name, each with `password` (none if open), `hidden`, `address` (false: it gives none).

    `known`: names of networks that people have set up; the first is in use. `wifi` false: no radio; `switched_on`;
    `denied`: who asks has no rights.
    """
    manager = mock.nm = Manager(mock, world)
    radios = [dbus.ObjectPath(RADIO)] if world.get("wifi", True) else []
    mock.AddProperties(
        NM,
        {
            "Devices": dbus.Array(radios, signature="o"),
            "WirelessEnabled": bool(world.get("switched_on", True)),
            "WirelessHardwareEnabled": True,
        },
    )
    add = ("AddAndActivateConnection2", "a{sa{sv}}ooa{sv}", "ooa{sv}", "ret = self.nm.add_and_activate(*args)")
    mock.AddMethods(NM, [add, ("ActivateConnection", "ooo", "o", "ret = self.nm.activate(args[0])")])
    methods = [
        ("ListConnections", "", "ao", "ret = dbus.Array(list(self.nm.paths), signature='o')"),
        ("GetConnectionByUuid", "s", "o", "ret = self.nm.by_uuid(args[0])"),
    ]
    mock.AddObject(SETTINGS, f"{NM}.Settings", {}, methods)
    dbusmock.get_object(SETTINGS).nm = manager
    device = {"DeviceType": dbus.UInt32(2), "Interface": "wlan0", "State": dbus.UInt32(30)}
    mock.AddObject(RADIO, DEVICE, device | {"ActiveConnection": dbus.ObjectPath("/")}, [])
    for name in world.get("known", []):
        ssid = dbus.Array(name.encode(), signature="y")
        known = {"connection": {"uuid": f"known-{name}", "id": name}, "802-11-wireless": {"ssid": ssid}}
        manager.add(dbus.Dictionary(known), saved=True)
    if world.get("known"):
        manager.use(next(iter(manager.paths)), 100)
    manager.tell()


class Manager:
    """What its methods do."""

    def __init__(self, mock: Any, world: dict[str, Any]) -> None:
        self._mock, self._world = mock, world
        self.paths: dict[str, dict[str, Any]] = {}
        self._calls: list[list[str]] = []
        self._used = "/"
        self._on_its_way = ""
        self._made = 0

    def tell(self) -> None:
        """Write down how it stands."""
        told = {
            "profiles": {_uuid(each): _json(each) for each in self.paths.values()},
            "used": _uuid(self.paths[self._used]) if self._used in self.paths else None,
            "calls": self._calls,
        }
        file = Path(self._world["file"])
        new = file.with_suffix(".new")
        new.write_text(json.dumps(told))
        new.replace(file)

    def add(self, profile: Any, *, saved: bool) -> str:
        """A new profile; its path."""
        self._made += 1
        path = f"{SETTINGS}/{self._made}"
        self.paths[path] = {"profile": profile, "saved": saved}
        methods = [
            ("GetSettings", "", "a{sa{sv}}", f"ret = self.nm.shown('{path}')"),
            ("Save", "", "", f"self.nm.save('{path}')"),
            ("Delete", "", "", f"self.nm.delete('{path}')"),
        ]
        self._mock.AddObject(path, f"{NM}.Settings.Connection", {}, methods)
        dbusmock.get_object(path).nm = self
        return path

    def use(self, path: str, state: int, reason: int = 0) -> None:
        """Have the device in a state with that profile, and signal it."""
        radio = dbusmock.get_object(RADIO)
        self._used = path if state == 100 else "/"
        active = f"{MAIN_OBJ}/ActiveConnection/{path.rpartition('/')[2]}" if state == 100 else "/"
        if active != "/" and active not in dbusmock.mockobject.objects:
            connection = {"Connection": dbus.ObjectPath(path)}
            self._mock.AddObject(active, f"{NM}.Connection.Active", connection, [])
        radio.Set(DEVICE, "ActiveConnection", dbus.ObjectPath(active))
        radio.Set(DEVICE, "State", dbus.UInt32(state))
        numbers = [dbus.UInt32(state), dbus.UInt32(30), dbus.UInt32(reason)]
        radio.EmitSignal(DEVICE, "StateChanged", "uuu", numbers)
        self.tell()

    def add_and_activate(self, profile: Any, radio: str, _: str, options: Any) -> Any:
        """AddAndActivateConnection2."""
        if self._world.get("denied"):
            raise dbus.exceptions.DBusException("no", name=f"{NM}.PermissionDenied")
        self._calls.append(["AddAndActivateConnection2", str(radio), str(options["persist"])])
        path = self.add(profile, saved=options["persist"] == "disk")
        if self._used != "/":
            self.use(path, 110, 60)  # the former one is left: NEW_ACTIVATION
        self.use(path, 30, 60)
        self._on_its_way = path
        for place, (state, reason) in enumerate([(40, 0), (50, 0), *_way(self._world, profile)]):
            GLib.timeout_add(_STEP * (place + 1), _once(self._go_on, path, state, reason))
        active = dbus.ObjectPath(f"{MAIN_OBJ}/ActiveConnection/1")
        return dbus.ObjectPath(path), active, dbus.Dictionary(signature="sv")

    def _go_on(self, path: str, state: int, reason: int) -> None:
        """The next state, unless the profile has gone meanwhile or another one is wanted."""
        if self._on_its_way == path:
            self.use(path, state, reason)

    def activate(self, path: str) -> Any:
        """ActivateConnection."""
        self._calls.append(["ActivateConnection", _uuid(self.paths[path])])
        self._on_its_way = ""
        self.use(str(path), 100)
        return dbus.ObjectPath("/")

    def save(self, path: str) -> None:
        """Save."""
        self.paths[path]["saved"] = True
        self.tell()

    def delete(self, path: str) -> None:
        """Delete."""
        gone = self.paths.pop(path)
        if self._on_its_way == path:
            self._on_its_way = ""
        self._calls.append(["Delete", _uuid(gone)])
        if self._used == path:
            self.use("/", 30)
        self._mock.RemoveObject(path)
        self.tell()

    def shown(self, path: str) -> Any:
        """GetSettings: without secrets."""
        profile = self.paths[path]["profile"]
        shown = {name: section for name, section in profile.items() if not name.endswith("-security")}
        return dbus.Dictionary(shown, signature="sa{sv}")

    def by_uuid(self, uuid: str) -> Any:
        """GetConnectionByUuid."""
        for path, each in self.paths.items():
            if _uuid(each) == uuid:
                return dbus.ObjectPath(path)
        raise dbus.exceptions.DBusException("none", name=f"{NM}.Settings.InvalidConnection")


def _uuid(each: dict[str, Any]) -> str:
    return str(each["profile"]["connection"]["uuid"])


def _once(do: Any, *what: Any) -> Any:
    def called() -> bool:
        do(*what)
        return False

    return called


def _way(world: dict[str, Any], profile: Any) -> list[tuple[int, int]]:
    """The states, with reasons, that a device goes through from here on."""
    wireless = profile["802-11-wireless"]
    found = world.get("air", {}).get(bytes(wireless["ssid"]).decode())
    if found is None or (found.get("hidden") and not wireless.get("hidden")):
        return [(120, 53), (30, 0)]
    security = profile.get("802-11-wireless-security", {})
    if found.get("password") != security.get("psk", security.get("wep-key0")):
        return [(60, 8), (120, 7), (30, 0)]
    return [(70, 0), (100, 0)] if found.get("address", True) else [(70, 0), (120, 5), (30, 0)]


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_json(each) for each in value]
    return int(value) if isinstance(value, int) else str(value)
