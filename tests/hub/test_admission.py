"""Who may connect, asked of a real hub: every refusal is CONNACK 5, and nothing of it is an event."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from pi_auto.wire import topics
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.hublink import CONNECTED, DISCONNECTED
from pi_auto.wire.sas import SasToken
from support.hub import RunningHub, running_hub
from support.mqtt import PahoDevice, RawDevice, connect_packet, token
from support.service import output_of

ACCEPTED, REFUSED = b"\x20\x02\x00\x00", b"\x20\x02\x00\x05"
HOST = "Fleet-1.Pi-Auto"


@pytest.fixture(scope="module")
def named_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("admission"), "--name", HOST) as hub:
        yield hub


def signed(device: ConnectionString, **changes: str) -> str:
    """A token with parts of it exchanged afterwards."""
    parts = dict(part.split("=", 1) for part in token(device).removeprefix("SharedAccessSignature ").split("&"))
    return "SharedAccessSignature " + "&".join(f"{name}={value}" for name, value in (parts | changes).items())


OTHER_KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
PASSWORDS: dict[str, Callable[[ConnectionString], str]] = {
    "expired a second ago": lambda device: token(device, expiry=int(time.time()) - 1),
    "expired in 1970": lambda device: token(device, expiry=1),
    "expiry moved after signing": lambda device: signed(device, se=str(int(time.time()) + 9999)),
    "signed for another device": lambda device: token(device, resource=f"{HOST}/devices/pi-2"),
    "signed for another hub": lambda device: token(device, resource=f"other/devices/{device.device_id}"),
    "signed for the whole hub": lambda device: token(device, resource=HOST),
    "signed with another key": lambda device: token(ConnectionString(HOST, device.device_id, OTHER_KEY)),
    "a policy's token": lambda device: str(SasToken.sign(HOST, device.key, int(time.time()) + 60, "iothubowner")),
    "empty": lambda _: "",
    "the key itself": lambda device: device.key,
    "no signature": lambda _: "SharedAccessSignature sr=x&se=1",
    "malformed resource": lambda device: signed(device, sr="%ZZ"),
    "malformed expiry": lambda device: signed(device, se="soon"),
    "an expiry of 3,000 digits": lambda device: signed(device, se="9" * 3000),
    "malformed signature": lambda device: signed(device, sig="!"),
    "a long one": lambda _: "SharedAccessSignature " + "x" * 6000,
}


@pytest.mark.parametrize("password", PASSWORDS.values(), ids=PASSWORDS.keys())
def test_a_wrong_password_is_refused(named_hub: RunningHub, password: Callable[[ConnectionString], str]) -> None:
    device = named_hub.put_device("pi-1")
    with RawDevice(named_hub.mqtt_address) as raw:
        raw.send(connect_packet(device, password=password(device)))
        assert raw.receive(4) == REFUSED
        assert raw.is_closed()


USERS: dict[str, str] = {
    "none": "",
    "no device": HOST,
    "another device": topics.user_name(HOST, "pi-2"),
    "another hub": topics.user_name("other", "pi-1"),
}


@pytest.mark.parametrize("user_name", USERS.values(), ids=USERS.keys())
def test_a_wrong_user_name_is_refused(named_hub: RunningHub, user_name: str) -> None:
    device = named_hub.put_device("pi-1")
    wrong = PahoDevice(named_hub.mqtt_address, device, user_name=user_name or "-")
    with pytest.raises(AssertionError, match="refused with 135"), wrong:  # paho's number for "not authorized"
        pass


def test_a_device_that_is_not_registered_is_refused(named_hub: RunningHub) -> None:
    with RawDevice(named_hub.mqtt_address) as raw:
        assert raw.connect(ConnectionString(HOST, "pi-stranger", OTHER_KEY)) == REFUSED


def test_a_device_with_the_key_of_another_is_refused(named_hub: RunningHub) -> None:
    one, two = named_hub.put_device("pi-1"), named_hub.put_device("pi-2")
    with RawDevice(named_hub.mqtt_address) as raw:
        assert raw.connect(ConnectionString(HOST, two.device_id, one.key)) == REFUSED


@pytest.mark.parametrize("host", [HOST, HOST.lower(), HOST.upper()])
def test_the_name_of_the_hub_is_compared_without_regard_to_case(named_hub: RunningHub, host: str) -> None:
    device = named_hub.put_device("pi-1")
    with RawDevice(named_hub.mqtt_address) as raw:
        assert raw.connect(ConnectionString(host, device.device_id, device.key)) == ACCEPTED


def test_the_key_stays_the_same_however_often_a_device_is_put(named_hub: RunningHub) -> None:
    assert named_hub.put_device("pi-again") == named_hub.put_device("pi-again")
    assert named_hub.put_device("pi-again").host == HOST


def test_a_token_that_runs_out_ends_the_connection(named_hub: RunningHub) -> None:
    device = named_hub.put_device("pi-brief")
    with RawDevice(named_hub.mqtt_address) as raw:
        raw.send(connect_packet(device, password=token(device, expiry=int(time.time()) + 2)))
        assert raw.receive(4) == ACCEPTED
        assert raw.is_closed(timeout=6)
    assert "pi-brief: its token has run out" in named_hub.log()


def test_another_version_of_mqtt_is_told_so(named_hub: RunningHub) -> None:
    with RawDevice(named_hub.mqtt_address) as raw:
        raw.send(connect_packet(named_hub.put_device("pi-1"), level=5))
        assert raw.receive(4) == b"\x20\x02\x00\x01"
        assert raw.is_closed()


def test_refusals_are_said_once_hold_no_secret_and_make_no_event(hub: RunningHub) -> None:
    device = hub.put_device("pi-1")
    expired = token(device, expiry=1)
    for _ in range(5):
        with RawDevice(hub.mqtt_address) as raw:
            raw.send(connect_packet(device, password=expired))
            assert raw.receive(4) == REFUSED
    with RawDevice(hub.mqtt_address) as raw:
        assert raw.connect(device) == ACCEPTED
    with hub.events() as events:
        assert [event.type for event in events.take(2)] == [CONNECTED, DISCONNECTED]
    assert hub.log().count("the token has expired") == 1
    assert device.key not in hub.log()
    assert expired.partition("sig=")[2][:20] not in hub.log()


def answer_to(hub: RunningHub, device: ConnectionString, password: str) -> bytes:
    """The CONNACK."""
    with RawDevice(hub.mqtt_address) as raw:
        raw.send(connect_packet(device, password=password))
        return raw.receive(4)


def test_the_secondary_key_is_as_good_as_the_primary_one(named_hub: RunningHub) -> None:
    before = named_hub.put_device("pi-rotated")
    assert named_hub.ask(op="rotate_keys", device_id="pi-rotated")["ok"]
    after = named_hub.put_device("pi-rotated")
    assert before.key != after.key
    assert [answer_to(named_hub, each, token(each)) for each in (before, after)] == [ACCEPTED, ACCEPTED]
    assert named_hub.ask(op="rotate_keys", device_id="pi-rotated")["ok"]
    assert answer_to(named_hub, before, token(before)) == REFUSED


def test_a_disabled_device_is_refused_until_it_is_enabled_again(named_hub: RunningHub) -> None:
    device = named_hub.put_device("pi-disabled")
    for enabled, answer in ((False, REFUSED), (True, ACCEPTED)):
        assert named_hub.ask(op="set_enabled", device_id="pi-disabled", enabled=enabled)["ok"]
        assert answer_to(named_hub, device, token(device)) == answer


POLICIES = [
    ("device", HOST, ACCEPTED),
    ("device", f"{HOST}/devices/pi-1", ACCEPTED),
    ("iothubowner", HOST, ACCEPTED),
    ("device", f"{HOST}/devices/pi-2", REFUSED),
    ("device", "other", REFUSED),
    ("service", HOST, REFUSED),
    ("registryReadWrite", HOST, REFUSED),
]


@pytest.mark.parametrize(("policy", "resource", "answer"), POLICIES)
def test_a_policy_connects_devices_if_it_may(
    named_hub: RunningHub, policy: str, resource: str, answer: bytes
) -> None:
    device = named_hub.put_device("pi-1")
    said = output_of("connection-string", "--data", str(named_hub.data), "--policy", policy).strip()
    key = said.partition("SharedAccessKey=")[2]
    signature = SasToken.sign(resource, key, int(time.time()) + 60, policy)
    assert answer_to(named_hub, device, str(signature)) == answer
