"""What a server is told about its hub at Azure. Secrets come from a file of its owner's or the environment.

Never from the command line, which every user of the machine can read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from pi_auto.server.links.azure.strings import MOST, EventsString, ServiceString, check_group, check_host
from pi_auto.wire.errors import FieldError

T = TypeVar("T")
SERVICE, EVENTS = "PI_AUTO_AZURE_SERVICE", "PI_AUTO_AZURE_EVENTS"


class SettingsError(ValueError):
    """A setting that cannot be used; the sentence names it, its value if not secret, and what is allowed."""


@dataclass(frozen=True, slots=True)
class AzureSettings:
    """A hub at Azure: its service side, its events, and the host name that devices are told."""

    service: ServiceString
    events: EventsString
    device_host: str
    consumer_group: str = "$Default"
    entra: bool = False

    @classmethod
    def read(
        cls, service_file: str | None, events_file: str | None, *, device_host: str | None = None,
        consumer_group: str | None = None, entra: bool = False, environment: Mapping[str, str] = os.environ,
    ) -> Self:  # fmt: skip
        """From files, or where none is named from the environment. Raises SettingsError."""
        service = read_service(service_file, entra=entra, environment=environment)
        events = _read(EventsString.parse, events_file, "--azure-events-file", EVENTS, environment)
        host = _checked(lambda: check_host(device_host or service.host), "--azure-device-host")
        group = _checked(lambda: check_group(consumer_group or "$Default"), "--azure-consumer-group")
        _check_key(EVENTS, there=events.has_key, entra=entra)
        return cls(service, events, host, group, entra)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """All of it from the environment. Raises SettingsError."""
        given = environment.get
        return cls.read(
            given("PI_AUTO_AZURE_SERVICE_FILE"), given("PI_AUTO_AZURE_EVENTS_FILE"), environment=environment,
            device_host=given("PI_AUTO_AZURE_DEVICE_HOST"), consumer_group=given("PI_AUTO_AZURE_CONSUMER_GROUP"),
            entra=given("PI_AUTO_AZURE_ENTRA") == "1",
        )  # fmt: skip


def read_service(
    file: str | None, *, entra: bool = False, environment: Mapping[str, str] = os.environ
) -> ServiceString:
    """The service connection string alone. Raises SettingsError."""
    service = _read(ServiceString.parse, file, "--azure-service-file", SERVICE, environment)
    _check_key(SERVICE, there=bool(service.key), entra=entra)
    if entra and service.key:
        raise SettingsError(
            "--azure-entra is given and the service connection string has a key: leave one of them out"
        )
    return service


def _check_key(name: str, *, there: bool, entra: bool) -> None:
    if not there and not entra:
        raise SettingsError(
            f"the connection string for {name} has no SharedAccessKey;"
            " give one, or sign in by Entra ID with --azure-entra"
        )


def _read(
    parse: Callable[[str], T], file: str | None, option: str, variable: str, environment: Mapping[str, str]
) -> T:
    text = _file(Path(file), option) if file else environment.get(variable, "")
    if not text:
        raise SettingsError(f"a hub at Azure needs {option} FILE, or its connection string in {variable}")
    return _checked(lambda: parse(text), f"{option} {file}" if file else variable)


def _checked(read: Callable[[], T], name: str) -> T:
    try:
        return read()
    except FieldError as error:
        raise SettingsError(f"{name}: {error}") from None


def _file(path: Path, option: str) -> str:
    """Its text. One that others may read is refused: the key in it is as good as told to them."""
    try:
        with path.open(encoding="utf-8") as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            if mode & 0o077:
                raise SettingsError(f"{option} {path} has mode {mode:04o}; allowed: 0600 (chmod 600 {path})")
            return opened.read(MOST + 2).strip()
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(f"{option} {path} cannot be read: {reason}") from None
