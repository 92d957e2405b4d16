"""What a person may set about the client: a JSON file, and the command line over it.

Read once at start and never changed. It holds no secret; what the device has learned and
been given lives in its state folder. An unknown key is warned of and ignored, so that an
older client can read a newer file; a wrong value is refused by file, key and value.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from pi_auto.client.logbook import FORMATS, TEXT
from pi_auto.frozen import frozen
from pi_auto.typed import TYPE_CHECKING, Any
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.ids import device_id_of

if TYPE_CHECKING:  # they load what takes addresses apart, which capture never needs
    from pi_auto.client.endpoint import Endpoint
    from pi_auto.client.proxy import Proxy

log = logging.getLogger("pi_auto.settings")

DEFAULT_FILE = Path("/etc/pi_auto_client.json")
DEFAULT_STATE = Path("/var/lib/pi-auto-client")
DEFAULT_CARD = Path("/etc/pi_auto_fleet.json")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LED_CHOICES = ("auto", "off")
GPIO_ROLES = ("stored", "sent", "trouble", "lost", "buzzer")
_NO_LINES: Mapping[str, int] = {}  # never changed
_GPIO_LINES = (2, 27)  # of the header, by BCM number; 0 and 1 belong to the memory of a HAT
_COMMAND_LINE = "the command line"
MOST_FILE = 64 * 1024  # bytes
_DAY = 86400


class SettingsError(ValueError):
    """Settings that the client cannot run with; the text names file, key, value and what is allowed."""


class CommandLineError(SettingsError):
    """The command line is at fault, and no mending of the file helps."""


@frozen
class Settings:
    """All settings. Intervals are seconds; those that are None are the server's to say."""

    state: Path = DEFAULT_STATE
    scanner: str = "auto"
    fleet_card: Path = DEFAULT_CARD  # whose devices these are; without the file the server is believed as set
    trust_first_server: bool = False  # a device without a card belongs to whoever answers first
    server_url: str = ""
    server_address: str | None = None
    server_name: str | None = None
    server_ca: Path | None = None
    proxy: Proxy | None = None  # of the site: whatever is not this machine is asked of it
    device_id: str | None = None
    update_interval: int | None = None  # the server says 3600 unless it has reason not to
    update_bandwidth: int = 0  # kB/s that a download may take; 0: all there is
    heartbeat_interval: int | None = None  # the server says 30
    registration_retry_interval: int = 300  # the longest pause between two tries to register
    log_level: str = "INFO"
    log_format: str = TEXT
    log_barcodes: bool = True
    led: str = "auto"  # the board's own shows what is stored, or off
    signal_gpio: Mapping[str, int] = _NO_LINES  # what hangs on which line of the header
    wifi_by_scanning: bool = True  # may a scanned Wi-Fi code be followed, before enrolment or without a network
    insecure_plain_http: bool = False

    @classmethod
    def load(
        cls,
        file: Path | None = None,
        overrides: Mapping[str, Any] | None = None,
        *,
        judges_server: bool = True,
    ) -> Settings:
        """Settings out of `file`, or the default file if there is one; `overrides` that are not None win.

        Raises SettingsError. Whoever never talks to the server need not judge its address.
        """
        written = _read(file or DEFAULT_FILE, required=file is not None)
        given = {name: value for name, value in (overrides or {}).items() if value is not None}
        return cls.of(written, file or DEFAULT_FILE, given, judges_server=judges_server)

    @classmethod
    def of(
        cls, written: Mapping[str, Any], file: Path, given: Mapping[str, Any], *, judges_server: bool = True
    ) -> Settings:
        """What follows of what is `written` in `file` and `given` on the command line. Raises SettingsError."""
        values = _checked(given, _COMMAND_LINE, CommandLineError)
        settings = cls(**_checked(written, str(file), SettingsError) | values)
        if judges_server:
            settings._check_server(str(file), given)
        return settings

    @property
    def capture_folder(self) -> Path:
        """What capture keeps, and the agent only reads."""
        return self.state / "capture"

    @property
    def agent_folder(self) -> Path:
        """What the agent keeps."""
        return self.state / "agent"

    def endpoint(self) -> Endpoint:
        """The server to talk to. Raises FieldError if what is set does not name one."""
        if not self.server_url:
            raise FieldError(
                "server_url", "missing", "the server's address, such as http://127.0.0.1:5000 (--server)"
            )
        from pi_auto.client.endpoint import Endpoint  # noqa: PLC0415 - see above

        return Endpoint.of(self.server_url, self.server_address, self.server_name, self.server_ca, self.proxy)

    def _check_server(self, file: str, given: Mapping[str, Any]) -> None:
        if not (self.server_url or self.server_ca):
            return  # and what judges them is not loaded
        from pi_auto.client.server_rules import refuse_lost_authorities, refuse_plain  # noqa: PLC0415 - see above

        try:
            refuse_lost_authorities(self.server_ca)
            if self.server_url:
                endpoint = self.endpoint()  # a URL that is none is refused in any case
                if not self.insecure_plain_http:
                    refuse_plain(self.server_url, endpoint)
        except FieldError as error:
            if error.field in given:
                raise CommandLineError(f"{_COMMAND_LINE}: {error}") from None
            raise SettingsError(f"{file}: {error}") from None


def _path(values: Fields, name: str) -> Path:
    return Path(values.text(name, most=4096))


def _text(values: Fields, name: str) -> str:
    return values.text(name, most=2048)


def _proxy(values: Fields, name: str) -> Proxy:
    from pi_auto.client.proxy import Proxy  # noqa: PLC0415 - see above

    return Proxy.of(_text(values, name))


def _seconds(values: Fields, name: str) -> int:
    return values.integer(name, least=1, most=7 * _DAY)


def _gpio(values: Fields, name: str) -> dict[str, int]:
    """Lines by what is to be shown on them. A lamp may show several things; a buzzer is no lamp."""
    written, least, most = values.object(name), *_GPIO_LINES
    lines = {role: written.integer(role, least=least, most=most) for role in GPIO_ROLES if written.has(role)}
    unknown = [str(role) for role in written if role not in GPIO_ROLES]
    if unknown:
        raise written.refuse(unknown[0], f"one of {', '.join(GPIO_ROLES)}, each with a BCM number")
    if list(lines.values()).count(lines.get("buzzer", 0)) > 1:
        raise written.refuse("buzzer", "a line of its own")
    return lines


_READERS: dict[str, Callable[[Fields, str], Any]] = {
    "state": _path,
    "scanner": _text,
    "fleet_card": _path,
    "trust_first_server": Fields.flag,
    "server_url": _text,
    "server_address": _text,
    "server_name": lambda values, name: values.text(name, most=253),
    "server_ca": _path,
    "proxy": _proxy,
    "device_id": device_id_of,
    "update_interval": _seconds,
    "update_bandwidth": lambda values, name: values.integer(name, most=1_000_000),
    "heartbeat_interval": _seconds,
    "registration_retry_interval": _seconds,
    "log_level": lambda values, name: values.choice(name, LOG_LEVELS),
    "log_format": lambda values, name: values.choice(name, FORMATS),
    "log_barcodes": Fields.flag,
    "led": lambda values, name: values.choice(name, LED_CHOICES),
    "signal_gpio": _gpio,
    "wifi_by_scanning": Fields.flag,
    "insecure_plain_http": Fields.flag,
}

assert set(_READERS) == set(Settings.__annotations__)  # noqa: S101 - a setting without a reader is a slip


def _read(file: Path, *, required: bool) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_FILE + 1)
    except FileNotFoundError:
        if required:
            raise CommandLineError(f"{file}: there is no such settings file") from None
        return {}
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from None
    if len(content) > MOST_FILE:
        raise SettingsError(f"{file}: is larger than {MOST_FILE} bytes; allowed: a JSON object of settings")
    return _object(content, file)


def _object(content: bytes, file: Path) -> dict[str, Any]:
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{file}: is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise SettingsError(f'{file}: holds no JSON object; allowed: {{"server_url": "https://…", …}}')
    return values


def _checked(written: Mapping[str, Any], source: str, kind: type[SettingsError]) -> dict[str, Any]:
    unknown = sorted(set(written) - set(_READERS))
    if unknown:
        log.warning("ignoring unknown settings in %s: %s", source, ", ".join(unknown)[:400])
    values = Fields(dict(written))
    try:
        return {name: read(values, name) for name, read in _READERS.items() if values.has(name)}
    except FieldError as error:
        raise kind(f"{source}: {error}") from None
