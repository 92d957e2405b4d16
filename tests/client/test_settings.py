from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from pi_auto.client.settings import Settings, SettingsError


def written(folder: Path, values: Any) -> Path:
    file = folder / "client.json"
    file.write_text(values if isinstance(values, str) else json.dumps(values))
    return file


def test_a_file_sets_what_it_names_and_leaves_the_rest(tmp_path: Path) -> None:
    settings = Settings.load(written(tmp_path, {"server_url": "http://127.0.0.1:5000", "heartbeat_interval": 10}))
    assert (settings.server_url, settings.heartbeat_interval) == ("http://127.0.0.1:5000", 10)
    assert (settings.scanner, settings.update_interval, settings.registration_retry_interval) == (
        "auto",
        None,
        300,
    )


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, {"server_url": "http://127.0.0.1:1", "scanner": "auto"})
    settings = Settings.load(file, {"server_url": "http://127.0.0.1:2", "scanner": None, "state": str(tmp_path)})
    assert (settings.server_url, settings.scanner, settings.state) == ("http://127.0.0.1:2", "auto", tmp_path)


def test_unknown_keys_are_ignored_with_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Settings.load(written(tmp_path, {"app_version": "1.0.0", "connection_string": "HostName=secret"}))
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "app_version, connection_string"
    ]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"heartbeat_interval": "30"}, ("heartbeat_interval", "'30'", "whole number from 1 to")),
        ({"update_interval": 0}, ("update_interval", "0", "whole number from 1 to")),
        ({"log_level": "LOUD"}, ("log_level", "'LOUD'", "DEBUG, INFO")),
        ({"log_format": "xml"}, ("log_format", "'xml'", "text, json")),
        ({"log_barcodes": "no"}, ("log_barcodes", "'no'", "true or false")),
        ({"device_id": "../../etc"}, ("device_id", "'../../etc'", "a string of")),
        ({"server_url": 5000}, ("server_url", "5000", "a string of")),
        ({"server_url": "fleet"}, ("server_url", "'fleet'", "https://HOST")),
        ({"server_url": "https://a", "server_address": "b"}, ("server_address", "'b'", "HOST:PORT")),
        ({"server_ca": "/no/such.pem"}, ("server_ca", "'/no/such.pem'", "a PEM file")),
        ({"server_ca": "/" + 300 * "a"}, ("server_ca", "'/aaa", "a PEM file", "not in /home")),
        ({"server_url": "http://10.0.0.5:5000"}, ("server_url", "http://10.0.0.5:5000", "--insecure-plain-http")),
        ({"signal_gpio": 17}, ("signal_gpio", "17", "a JSON object")),
        ({"signal_gpio": {"stored": "17"}}, ("signal_gpio.stored", "'17'", "whole number from 2 to 27")),
        ({"signal_gpio": {"sent": 40}}, ("signal_gpio.sent", "40", "whole number from 2 to 27")),
        (
            {"signal_gpio": {"store": 17}},
            ("signal_gpio.store", "17", "one of stored, sent, trouble, lost, buzzer"),
        ),
        ({"signal_gpio": {"lost": 5, "buzzer": 5}}, ("signal_gpio.buzzer", "5", "a line of its own")),
        ({"proxy": "proxy.site:3128"}, ("proxy", "'proxy.site:3128'", "http://HOST:PORT")),
        ({"proxy": "http://proxy.site"}, ("proxy", "'http://proxy.site'", "http://HOST:PORT")),
        ({"proxy": "https://proxy.site:3128"}, ("proxy", "https://proxy.site:3128", "http://HOST:PORT")),
        ({"proxy": "socks5://proxy.site:1080"}, ("proxy", "socks5", "http://HOST:PORT")),
        ({"proxy": "http://proxy.site:3128/proxy.pac"}, ("proxy", "proxy.pac", "without user, password or path")),
        ({"proxy": "http://proxy.site:99999"}, ("proxy", "99999", "http://HOST:PORT")),
        ({"proxy": "http://[::1:3128"}, ("proxy", "http://HOST:PORT")),
        ({"proxy": "http://user:canary@proxy.site:3128"}, ("proxy", "a proxy with a user", "by its address")),
        ("{", ("is not JSON",)),
        ("[" * 100_000, ("larger than",)),
        ("[" * 60_000, ("is not JSON",)),
        ([], ("holds no JSON object",)),
    ],
)
def test_a_wrong_value_is_refused_by_file_key_and_value(
    tmp_path: Path, values: Any, words: tuple[str, ...]
) -> None:
    file = written(tmp_path, values)
    with pytest.raises(SettingsError) as refused:
        Settings.load(file)
    assert all(word in str(refused.value) for word in (str(file), *words)), refused.value


def test_a_password_of_a_proxy_is_never_shown(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.load(written(tmp_path, {"proxy": "http://user:canary@proxy.site:3128"}))
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://proxy.site:3128", ("proxy.site", 3128)),
        ("http://10.0.0.1:8080/", ("10.0.0.1", 8080)),
        ("http://[fd00::1]:3128", ("fd00::1", 3128)),
    ],
)
def test_a_proxy_is_asked_for_everything_but_this_machine(
    tmp_path: Path, text: str, address: tuple[str, int]
) -> None:
    there = Settings.load(written(tmp_path, {"server_url": "https://fleet.example", "proxy": text})).endpoint()
    assert (there.dialled, there.first_hop) == (("fleet.example", 443), address)
    here = Settings.load(written(tmp_path, {"server_url": "http://127.0.0.1:5000", "proxy": text})).endpoint()
    assert (here.proxy, here.first_hop) == (None, ("127.0.0.1", 5000))


def test_lamps_and_a_buzzer_on_the_header_are_named_by_their_lines(tmp_path: Path) -> None:
    lines = {"stored": 17, "sent": 27, "trouble": 22, "lost": 22, "buzzer": 18}
    assert Settings.load(written(tmp_path, {"signal_gpio": lines})).signal_gpio == lines
    assert Settings.load(written(tmp_path, {"signal_gpio": {}})).signal_gpio == {}


def test_a_wrong_value_of_the_command_line_is_said_to_be_from_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"the command line: server_url is 'http://192\.168\.1\.5'"):
        Settings.load(written(tmp_path, {}), {"server_url": "http://192.168.1.5"})


def test_plain_http_across_a_network_needs_the_option_that_warns(tmp_path: Path) -> None:
    given = {"server_url": "http://192.168.1.5", "insecure_plain_http": True}
    assert Settings.load(written(tmp_path, {}), given).endpoint().dialled == ("192.168.1.5", 80)


def test_the_address_that_is_dialled_decides_whether_plain_http_stays_on_this_machine(tmp_path: Path) -> None:
    far = {"server_url": "http://127.0.0.1", "server_address": "192.168.1.5:80"}
    with pytest.raises(SettingsError, match="insecure-plain-http"):
        Settings.load(written(tmp_path, far))


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no such settings file"):
        Settings.load(tmp_path / "none.json")
