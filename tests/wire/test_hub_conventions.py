"""Tokens, topics and connection strings as Azure IoT Hub has them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import urllib.parse

import pytest

from pi_auto.wire import topics
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.errors import FieldError
from pi_auto.wire.sas import SasToken

KEY = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
RESOURCE = "hub.example/devices/pi-1a2b3c4d"


def test_a_token_is_what_microsofts_documented_function_makes() -> None:
    expiry = 1_800_000_000
    quoted = urllib.parse.quote_plus(RESOURCE)
    digest = hmac.new(base64.b64decode(KEY), f"{quoted}\n{expiry}".encode(), hashlib.sha256).digest()
    expected = "SharedAccessSignature " + urllib.parse.urlencode(
        {"sr": RESOURCE, "sig": base64.b64encode(digest), "se": str(expiry), "skn": "device"}
    )
    assert str(SasToken.sign(RESOURCE, KEY, expiry, "device")) == expected


def test_a_token_proves_its_own_resource_until_it_expires() -> None:
    token = SasToken.parse(str(SasToken.sign(RESOURCE, KEY, 1000)))
    assert token is not None
    assert token.proves(RESOURCE, KEY, now=999)
    assert not token.proves(RESOURCE, KEY, now=1000)
    assert not token.proves("hub.example/devices/pi-ffffffff", KEY, now=999)
    assert not token.proves(RESOURCE, base64.b64encode(b"another").decode(), now=999)


@pytest.mark.parametrize(
    "quoted", ["hub.example%2Fdevices%2Fpi-1a2b3c4d", "hub.example%2fdevices%2fpi-1a2b3c4d", RESOURCE]
)
def test_a_token_is_good_however_its_maker_encodes_the_resource(quoted: str) -> None:
    digest = hmac.new(base64.b64decode(KEY), f"{quoted}\n1000".encode(), hashlib.sha256).digest()
    signature = urllib.parse.quote(base64.b64encode(digest), safe="")
    token = SasToken.parse(f"SharedAccessSignature sr={quoted}&sig={signature}&se=1000")
    assert token is not None
    assert token.proves(RESOURCE, KEY, now=999)


@pytest.mark.parametrize(
    "text",
    ["", "SharedAccessSignature ", "sr=a&sig=b&se=1", "SharedAccessSignature sr=a&sig=%&se=1",
     "SharedAccessSignature sr=a&sig=YQ==&se=soon", "SharedAccessSignature " + "a" * 5000],
)  # fmt: skip
def test_what_is_no_token_is_none(text: str) -> None:
    assert SasToken.parse(text) is None


def test_properties_survive_the_topic() -> None:
    bag = {"$.mid": "a b/c", "weight": "1&2=3", "empty": "", "ключ": "значение"}
    topic = topics.telemetry("pi-1", bag)
    assert topic.startswith("devices/pi-1/messages/events/")
    assert "/" not in topic.removeprefix("devices/pi-1/messages/events/")
    assert topics.decode_properties(topic.removeprefix("devices/pi-1/messages/events/")) == bag


def test_a_twin_response_tells_status_and_request() -> None:
    assert topics.parse_twin_response(topics.twin_response(204, "a b", 7)) == (204, "a b")
    assert topics.parse_twin_response("$iothub/twin/res/204/") is None
    assert topics.parse_twin_response("devices/x/messages") is None
    assert topics.parse_twin_response("$iothub/twin/res/20\u00b2/?$rid=1") is None  # a digit, and no number
    assert topics.parse_twin_response(f"$iothub/twin/res/{'9' * 5000}/?$rid=1") is None


def test_a_connection_string_keeps_its_key_to_itself() -> None:
    text = f"HostName=hub.example;DeviceId=pi-1;SharedAccessKey={KEY}"
    parsed = ConnectionString.parse(text)
    assert str(parsed) == text
    assert KEY not in repr(parsed)


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("", "HostName"),
        ("HostName=h;DeviceId=d", "SharedAccessKey"),
        ("HostName=h;SharedAccessKey=YQ==", "DeviceId"),
        ("HostName=h;DeviceId=d;SharedAccessKey=secret!", "SharedAccessKey"),
    ],
)
def test_a_bad_connection_string_names_its_part_and_shows_no_key(text: str, missing: str) -> None:
    with pytest.raises(FieldError, match=missing) as error:
        ConnectionString.parse(text)
    assert "secret" not in str(error.value)
