"""What a server is told about a hub at Azure: strings, files, the environment; faults are named, no key shown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pi_auto.server.links.azure.settings import AzureSettings, SettingsError
from pi_auto.server.links.azure.strings import EventsString, ServiceString
from pi_auto.server.links.azure.tokens import Token, Tokens, from_entra, signed
from pi_auto.server.links.base import HubUnavailable
from pi_auto.server.settings import Address, Settings
from pi_auto.wire.errors import FieldError
from pi_auto.wire.sas import SasToken

KEY = "c2VjcmV0IHNlY3JldCBzZWNyZXQ="
SERVICE = f"HostName=hub.azure-devices.net;SharedAccessKeyName=fleet;SharedAccessKey={KEY}"
EVENTS = (
    f"Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=fleet;SharedAccessKey={KEY};EntityPath=hub-1"
)
GIVEN = {"PI_AUTO_AZURE_SERVICE": SERVICE, "PI_AUTO_AZURE_EVENTS": EVENTS}
KEYLESS = "HostName=hub.azure-devices.net"


def test_a_service_string_is_read() -> None:
    assert ServiceString.parse(f" {SERVICE}\n") == ServiceString("hub.azure-devices.net", 443, "fleet", KEY)
    assert ServiceString.parse("HostName=hub.local:8443") == ServiceString("hub.local", 8443)


def test_an_events_string_is_read() -> None:
    events = EventsString.parse(EVENTS)
    assert (events.namespace, events.eventhub, events.has_key) == ("ns.servicebus.windows.net", "hub-1", True)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "connection string"),
        ("x" * 5000, "connection string"),
        (KEY, "HostName|connection string"),
        ("HostName=hub;nonsense", "connection string"),
        (f"SharedAccessKeyName=fleet;SharedAccessKey={KEY}", "HostName"),
        (f"HostName=hub/../x;SharedAccessKeyName=fleet;SharedAccessKey={KEY}", "HostName"),
        (f"HostName=hub:99999;SharedAccessKeyName=fleet;SharedAccessKey={KEY}", "HostName"),
        (f"HostName=hub;SharedAccessKey={KEY}", "SharedAccessKeyName"),
        ("HostName=hub;SharedAccessKeyName=fleet", "SharedAccessKey"),
        ("HostName=hub;SharedAccessKeyName=fleet;SharedAccessKey=se cret!", "SharedAccessKey"),
        (f"HostName=hub;DeviceId=pi-1;SharedAccessKey={KEY}", "DeviceId"),
    ],
)
def test_a_wrong_service_string_is_refused_by_the_part_at_fault(text: str, named: str) -> None:
    with pytest.raises(FieldError, match=named) as refused:
        ServiceString.parse(text)
    assert KEY not in str(refused.value)
    assert "se cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (SERVICE, "HostName"),
        (EVENTS.replace("sb://", "https://"), "Endpoint"),
        (EVENTS.replace(";EntityPath=hub-1", ""), "EntityPath"),
        (EVENTS.replace(KEY, "se cret!"), "SharedAccessKey"),
    ],
)
def test_a_wrong_events_string_is_refused_by_the_part_at_fault(text: str, named: str) -> None:
    with pytest.raises(FieldError, match=named) as refused:
        EventsString.parse(text)
    assert KEY not in str(refused.value)


def test_no_repr_shows_a_key() -> None:
    settings = AzureSettings.read(None, None, environment=GIVEN)
    whole = Settings(data=Path("/srv"), azure=settings)
    assert KEY not in repr(whole) + str(whole)


def test_strings_come_from_files_of_their_owner_or_from_the_environment(tmp_path: Path) -> None:
    service = tmp_path / "service"
    service.touch(mode=0o600)
    service.write_text(SERVICE + "\n")
    environment = {"PI_AUTO_AZURE_EVENTS": EVENTS, "PI_AUTO_AZURE_SERVICE": "not this one"}
    settings = AzureSettings.read(str(service), None, environment=environment)
    assert (settings.device_host, settings.consumer_group) == ("hub.azure-devices.net", "$Default")
    assert settings.service.key == KEY


def test_a_file_that_others_may_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    service = tmp_path / "service"
    service.write_text(SERVICE)
    service.chmod(0o640)
    with pytest.raises(SettingsError, match=rf"mode 0640; allowed: 0600 \(chmod 600 {service}\)"):
        AzureSettings.read(str(service), None, environment=GIVEN)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "service"
    if content:
        path.touch(mode=0o600)
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=f"--azure-service-file {path} cannot be read"):
        AzureSettings.read(str(path), None, environment=GIVEN)


def test_what_is_missing_is_named_with_both_ways_to_give_it() -> None:
    with pytest.raises(SettingsError, match=r"--azure-events-file FILE, or .* in PI_AUTO_AZURE_EVENTS"):
        AzureSettings.read(None, None, environment={"PI_AUTO_AZURE_SERVICE": SERVICE})


def test_devices_may_be_told_another_host_than_the_service_has() -> None:
    settings = AzureSettings.read(None, None, device_host="hub-device.azure-devices.net", environment=GIVEN)
    assert (settings.service.host, settings.device_host) == (
        "hub.azure-devices.net",
        "hub-device.azure-devices.net",
    )
    with pytest.raises(SettingsError, match=r"--azure-device-host: host name is 'hub:8883'"):
        AzureSettings.read(None, None, device_host="hub:8883", environment=GIVEN)


def test_a_consumer_group_that_can_be_none_is_refused() -> None:
    assert AzureSettings.read(None, None, consumer_group="pi-auto", environment=GIVEN).consumer_group == "pi-auto"
    with pytest.raises(SettingsError, match="--azure-consumer-group: consumer group is 'pi/auto'"):
        AzureSettings.read(None, None, consumer_group="pi/auto", environment=GIVEN)


def test_a_string_without_a_key_needs_entra_said_in_as_many_words() -> None:
    keyless = GIVEN | {"PI_AUTO_AZURE_SERVICE": KEYLESS}
    with pytest.raises(SettingsError, match=r"PI_AUTO_AZURE_SERVICE has no SharedAccessKey.*--azure-entra"):
        AzureSettings.read(None, None, environment=keyless)
    assert AzureSettings.read(None, None, entra=True, environment=keyless).entra
    with pytest.raises(SettingsError, match="leave one of them out"):
        AzureSettings.read(None, None, entra=True, environment=GIVEN)


def test_a_hub_at_azure_and_a_local_one_exclude_each_other(tmp_path: Path) -> None:
    azure = AzureSettings.read(None, None, environment=GIVEN)
    with pytest.raises(SettingsError, match="--hub-mqtt"):
        Settings(data=tmp_path, hub_mqtt=Address("127.0.0.1", 1883), azure=azure)


def test_an_app_of_somebody_else_finds_its_hub_in_the_environment() -> None:
    assert Settings.from_environment(GIVEN | {"PI_AUTO_HUB": "azure"}).azure
    assert Settings.from_environment(GIVEN).azure is None
    with pytest.raises(SettingsError, match="PI_AUTO_HUB is 'aws'; allowed: local or azure"):
        Settings.from_environment({"PI_AUTO_HUB": "aws"})


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "a hub at Azure needs --azure-service-file FILE"),
        ({"PI_AUTO_AZURE_SERVICE": SERVICE}, "--azure-events-file"),
        (
            {"PI_AUTO_AZURE_SERVICE": SERVICE.replace("HostName", "Host")},
            "PI_AUTO_AZURE_SERVICE: HostName is missing",
        ),
    ],
)
def test_the_command_says_in_one_line_what_is_wrong(
    tmp_path: Path, environment: dict[str, str], sentence: str
) -> None:
    command = [sys.executable, "-m", "pi_auto.server.cli", "run", "--data", str(tmp_path), "--hub", "azure"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=30)
    assert ended.returncode == 2
    assert sentence in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert KEY not in ended.stderr


def test_a_token_proves_itself_and_is_made_anew_before_it_ends() -> None:
    now = [1_700_000_000.0]
    tokens = signed(ServiceString("hub.azure-devices.net", 443, "fleet", KEY), lambda: now[0])
    first = tokens.current()
    now[0] += 3200
    assert tokens.current() == first
    now[0] += 200
    second = SasToken.parse(tokens.current())
    assert second
    assert second.policy == "fleet"
    assert str(second) != first
    assert second.proves("hub.azure-devices.net", KEY, now[0])


def test_a_token_that_is_still_good_serves_while_there_is_no_new_one_to_be_had() -> None:
    now, made = [0.0], [Token("first", 1000.0)]

    def make() -> Token:
        if not made:
            raise HubUnavailable("Entra ID is away")
        return made.pop()

    tokens = Tokens(make, lambda: now[0])
    assert tokens.current() == "first"
    now[0] = 999.0
    assert tokens.current() == "first"
    now[0] = 1000.0
    with pytest.raises(HubUnavailable, match="away"):
        tokens.current()
    made.append(Token("second", 5000.0))
    assert tokens.current() == "second"


def test_a_token_is_in_no_repr() -> None:
    assert "secret" not in repr(Token("secret", 1.0))
    assert "secret" not in repr(Tokens(lambda: Token("secret", 1.0)))


@pytest.mark.parametrize("kind", ["ClientAuthenticationError", "ServiceRequestError", "HttpResponseError"])
def test_a_sign_in_that_fails_is_a_passing_thing_said_in_words(kind: str) -> None:
    """azure-identity calls what it does not reach a refusal until it has once signed in, and not later."""
    exceptions = pytest.importorskip("azure.core.exceptions")

    class Refuses:
        def get_token(self, *_: str) -> object:
            raise getattr(exceptions, kind)("no identity here\nand much more")

    with pytest.raises(HubUnavailable, match=r"Entra ID gives no token .*: no identity here$"):
        from_entra(Refuses()).current()
