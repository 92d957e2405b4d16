from __future__ import annotations

from pathlib import Path

import pytest

from pi_auto.server.settings import Address, Settings, SettingsError

ANYWHERE = Address("0.0.0.0", 5000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:5000", Address("127.0.0.1", 5000)),
        ("[::1]:0", Address("::1", 0)),
        ("::1:0", Address("::1", 0)),
        ("off", None),
    ],
)
def test_an_address_is_read(text: str, expected: Address | None) -> None:
    assert Address.parse(text, "--http") == expected


@pytest.mark.parametrize(
    "text",
    ["", "5000", "localhost:5000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "OFF", "1.2:3"],
)
def test_a_wrong_address_names_setting_value_and_form(text: str) -> None:
    with pytest.raises(SettingsError, match="--http") as refused:
        Address.parse(text, "--http")
    assert repr(text) in str(refused.value)
    assert "127.0.0.1:5000" in str(refused.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1"])
def test_plain_http_is_allowed_on_loopback(tmp_path: Path, host: str) -> None:
    assert Settings(data=tmp_path, http=Address(host, 0), hub_mqtt=Address(host, 0)).http


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "::ffff:192.168.1.5"])
def test_plain_http_elsewhere_needs_the_option_that_warns(tmp_path: Path, host: str) -> None:
    with pytest.raises(SettingsError, match="--insecure-plain-http"):
        Settings(data=tmp_path, http=Address(host, 5000))
    with pytest.raises(SettingsError, match="--insecure-plain-mqtt"):
        Settings(data=tmp_path, hub_mqtt=Address(host, 1883))
    assert Settings(data=tmp_path, http=Address(host, 5000), insecure_plain_http=True).http


def test_an_app_of_somebody_else_is_set_by_its_environment(tmp_path: Path) -> None:
    settings = Settings.from_environment({"PI_AUTO_DATA": str(tmp_path), "PI_AUTO_HUB_MQTT": "127.0.0.1:0"})
    assert (settings.data, settings.hub_mqtt) == (tmp_path, Address("127.0.0.1", 0))
    assert Settings.from_environment({}).hub_mqtt is None
    assert Settings.from_environment({}).data == Path.cwd() / "pi-auto-data"
