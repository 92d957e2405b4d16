"""NetworkManager over D-Bus, as much of it as joining one network takes. Blocking calls, each bounded.

A password goes to it as a part of a message on the system's bus: no command line and no file of ours holds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from jeepney import DBusAddress, MatchRule, Properties, message_bus, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection
from jeepney.low_level import Message
from jeepney.wrappers import DBusErrorResponse, unwrap_msg

from pi_auto.client.wifi.profile import Profile, Variant

_NAME = "org.freedesktop.NetworkManager"
_MANAGER, _SETTINGS = "/org/freedesktop/NetworkManager", "/org/freedesktop/NetworkManager/Settings"
_NOTHING = "/"
_WIFI_DEVICE = 2  # NM_DEVICE_TYPE_WIFI
_UNAVAILABLE = 20  # states up to here: nothing can be done with the device
_UNMANAGED = 10
_PATIENCE = 20.0  # seconds for a call


class ManagerError(Exception):
    """NetworkManager is away, or refuses. `name` is D-Bus's of the error; its text may quote, and is not kept."""

    def __init__(self, name: str) -> None:
        super().__init__(f"NetworkManager does not do it: {name}")
        self.name = name

    @property
    def is_denied(self) -> bool:
        """Whether it is a matter of rights."""
        return self.name.endswith(("PermissionDenied", "AccessDenied", "NotAuthorized"))


@dataclass(frozen=True, slots=True)
class Radio:
    """A Wi-Fi device: its object, the kernel's name of it, its state, and the profile it uses now, if any."""

    path: str
    interface: str
    state: int
    profile: str | None

    @property
    def is_ready(self) -> bool:
        """Whether it can join something."""
        return self.state > _UNAVAILABLE


class NetworkManager:
    """One connection to the system's bus. Every method raises ManagerError."""

    def __init__(self) -> None:
        try:
            self._bus = open_dbus_connection(bus="SYSTEM")
        except (OSError, KeyError, ValueError) as error:
            why = getattr(error, "strerror", None) or repr(error)
            raise ManagerError(f"no system bus: {why}"[:200]) from None

    def close(self) -> None:
        """Hang up."""
        self._bus.close()

    def is_switched_on(self) -> bool:
        """Whether Wi-Fi is, by software and by hardware."""
        return all(bool(self._get(_MANAGER, _NAME, f"Wireless{which}Enabled")) for which in ("", "Hardware"))

    def radios(self) -> list[Radio]:
        """The Wi-Fi devices that it manages."""
        found = [self._radio(path) for path in self._get(_MANAGER, _NAME, "Devices") if self._is_wifi(path)]
        return [radio for radio in found if radio.state != _UNMANAGED]

    def join(self, profile: Profile, radio: Radio) -> str:
        """Begin to use a profile that lives in memory until `keep`; the profile's object."""
        options = {"persist": ("s", "memory")}
        body = (profile, radio.path, _NOTHING, options)
        path, *_ = self._call(_MANAGER, _NAME, "AddAndActivateConnection2", "a{sa{sv}}ooa{sv}", body)
        return str(path)

    def keep(self, profile: str) -> None:
        """Write it to the disk."""
        self._call(profile, f"{_NAME}.Settings.Connection", "Save")

    def delete(self, profile: str) -> None:
        """Forget a profile; what uses it ends."""
        self._call(profile, f"{_NAME}.Settings.Connection", "Delete")

    def use(self, profile: str, radio: str) -> None:
        """Begin to use a profile that it knows."""
        self._call(_MANAGER, _NAME, "ActivateConnection", "ooo", (profile, radio, _NOTHING))

    def profiles(self) -> dict[str, dict[str, dict[str, Variant]]]:
        """All that it knows, by their objects; without passwords."""
        paths = self._call(_SETTINGS, f"{_NAME}.Settings", "ListConnections")[0]
        return {path: self._call(path, f"{_NAME}.Settings.Connection", "GetSettings")[0] for path in paths}

    def find(self, uuid: str) -> str | None:
        """The object of a profile; None if there is none."""
        try:
            return str(self._call(_SETTINGS, f"{_NAME}.Settings", "GetConnectionByUuid", "s", (uuid,))[0])
        except ManagerError:
            return None

    @contextmanager
    def states(self, radio: Radio) -> Iterator[States]:
        """The states of a device from now on."""
        rule = MatchRule(type="signal", interface=f"{_NAME}.Device", member="StateChanged", path=radio.path)
        self._ask(message_bus.AddMatch(rule))
        with self._bus.filter(rule, bufsize=64) as queue:
            yield States(self._bus, queue)

    def _is_wifi(self, path: str) -> bool:
        return bool(self._get(path, f"{_NAME}.Device", "DeviceType") == _WIFI_DEVICE)

    def _radio(self, path: str) -> Radio:
        device = f"{_NAME}.Device"
        active = self._get(path, device, "ActiveConnection")
        try:
            profile = self._get(active, f"{_NAME}.Connection.Active", "Connection") if active != _NOTHING else None
        except ManagerError:  # it has just ended
            profile = None
        return Radio(path, self._get(path, device, "Interface"), self._get(path, device, "State"), profile)

    def _get(self, path: str, interface: str, name: str) -> Any:
        return self._ask(Properties(DBusAddress(path, _NAME, interface)).get(name))[0][1]

    def _call(
        self, path: str, interface: str, method: str, signature: str = "", body: tuple[Any, ...] = ()
    ) -> Any:
        return self._ask(new_method_call(DBusAddress(path, _NAME, interface), method, signature or None, body))

    def _ask(self, message: Message) -> tuple[Any, ...]:
        try:
            return cast("tuple[Any, ...]", unwrap_msg(self._bus.send_and_get_reply(message, timeout=_PATIENCE)))
        except DBusErrorResponse as error:
            raise ManagerError(error.name) from None
        except (OSError, ValueError) as error:  # the bus has gone, or does not answer in time
            raise ManagerError(type(error).__name__) from None


class States:
    """What a device has signalled, one by one."""

    def __init__(self, bus: DBusConnection, queue: Any) -> None:
        self._bus, self._queue = bus, queue

    def next(self, patience: float) -> tuple[int, int] | None:
        """The next state and the reason for it; None if none comes within so many seconds. Raises ManagerError."""
        try:
            state, _, reason = self._bus.recv_until_filtered(self._queue, timeout=patience).body
        except TimeoutError:
            return None
        except (OSError, ValueError) as error:
            raise ManagerError(type(error).__name__) from None
        return int(state), int(reason)
