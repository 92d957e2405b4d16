"""Azure's service side in trouble: lost answers, throttling, hanging, nonsense, false certificates."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from pi_auto.server.links.azure.link import AzureLink
from pi_auto.server.links.azure.rest import RestClient
from pi_auto.server.links.azure.strings import ServiceString
from pi_auto.server.links.azure.tokens import signed
from pi_auto.server.links.base import DeviceOffline, HubRefused, HubUnavailable
from support.azure import link_to, service_string
from support.hub import RunningHub, running_hub
from support.service import Service
from support.troubled_rest import Drips, Front, Hangs, Lost, Said, Twice, troubled


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("hub"), "--name", "localhost", "--https-port", "0") as running:
        yield running


@pytest.fixture
def front(hub: RunningHub, tmp_path: Path) -> Iterator[Front]:
    with troubled(hub, tmp_path) as running:
        yield running


@pytest.fixture
def link(front: Front) -> Iterator[AzureLink]:
    with linked(front) as made:
        yield made


@contextmanager
def linked(front: Front) -> Iterator[AzureLink]:
    assert front.hub
    owner = ServiceString.parse(service_string(front.hub))
    service = ServiceString("localhost", front.port, owner.policy, owner.key)
    with patch.dict(os.environ, SSL_CERT_FILE=str(front.ca)):
        made = AzureLink(RestClient(service, signed(service)), "localhost")
    yield made
    made.close()


def identity(hub: RunningHub, device_id: str) -> Any:
    return Service(hub).ask("GET", f"/devices/{device_id}").body


@pytest.mark.parametrize("losses", [1, 2])
def test_a_device_whose_creation_was_answered_into_the_void_has_the_key_that_it_is_told(
    hub: RunningHub, front: Front, link: AzureLink, losses: int
) -> None:
    front.plan = [Lost()] * losses
    access = link.put_device(f"lost-{losses}")
    known = identity(hub, f"lost-{losses}")["authentication"]["symmetricKey"]
    assert access.connection_string.key == known["primaryKey"]
    assert front.asked[-1] == ("GET", f"/devices/lost-{losses}")


def test_a_rotation_whose_answer_was_lost_is_done_once(hub: RunningHub, front: Front, link: AzureLink) -> None:
    first = link.put_device("turned").connection_string.key
    front.plan = [Said(200, body=_json(identity(hub, "turned"))), Lost()]
    second = link.rotate_keys("turned").connection_string.key
    keys = identity(hub, "turned")["authentication"]["symmetricKey"]
    assert keys == {"primaryKey": second, "secondaryKey": first}


def test_a_change_that_somebody_else_forestalled_is_made_on_what_is_there_now(
    hub: RunningHub, front: Front, link: AzureLink
) -> None:
    link.put_device("shared")
    stale = identity(hub, "shared") | {"etag": "c3RhbGU="}
    front.plan = [Said(200, body=_json(stale))]
    link.set_enabled("shared", enabled=False)
    assert identity(hub, "shared")["status"] == "disabled"


def test_deleting_what_was_deleted_with_its_answer_lost_is_well(front: Front, link: AzureLink) -> None:
    link.put_device("gone")
    front.plan = [Lost()]
    link.delete_device("gone")
    assert [method for method, _ in front.asked] == ["PUT", "DELETE", "DELETE"]


def test_a_404_that_is_not_of_the_hub_leaves_a_device_to_be_deleted(
    hub: RunningHub, front: Front, link: AzureLink
) -> None:
    """As whatever stands in the hub's place for a while says it: the device would have kept its way in."""
    link.put_device("stays")
    front.plan = [Said(404, body=b"<html>no such page</html>")]
    with pytest.raises(HubUnavailable, match="404"):
        link.delete_device("stays")
    assert identity(hub, "stays")["deviceId"] == "stays"
    front.plan = [Said(404, body=_json({"Message": "ErrorCode:DeviceNotFound;it is not registered"}))]
    link.delete_device("stays")


def test_a_method_whose_answer_was_lost_is_never_called_again(front: Front, link: AzureLink) -> None:
    link.put_device("called")
    front.plan = [Lost()]
    with pytest.raises(HubUnavailable):
        link.call_method("called", "reboot", {}, timeout=5)
    assert [path for _, path in front.asked].count("/twins/called/methods") == 1


def test_a_throttled_method_was_not_done_and_goes_again(front: Front, link: AzureLink) -> None:
    link.put_device("throttled")
    front.plan = [Said(429, {"Retry-After": "1", "iothub-errorcode": "ThrottlingException"})]
    began = time.monotonic()
    with pytest.raises(DeviceOffline):  # it is not connected; that was the second answer
        link.call_method("throttled", "identify", {}, timeout=5)
    assert 1 <= time.monotonic() - began < 5


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_what_passes_is_waited_for_as_the_answer_says(front: Front, link: AzureLink, status: int) -> None:
    front.plan = [Said(status, {"Retry-After": "1"})]
    assert link.put_device("patient").connection_string.device_id == "patient"
    assert len(front.asked) >= 2


def test_a_hub_that_throttles_on_and_on_is_given_up_soon_and_a_passing_thing(
    front: Front, link: AzureLink
) -> None:
    front.plan = [Said(429, {"Retry-After": "3600", "iothub-errorcode": "ThrottlingException"})] * 9
    began = time.monotonic()
    with pytest.raises(HubUnavailable, match="429 ThrottlingException") as refused:
        link.put_device("hasty")
    assert not isinstance(refused.value, HubRefused)
    assert time.monotonic() - began < 10
    assert len(front.asked) == 3


def test_a_hub_that_hangs_is_given_up(front: Front, link: AzureLink) -> None:
    front.plan = [Hangs()] * 9
    with pytest.raises(HubUnavailable, match="did not answer POST /twins/pi/methods"):
        link._rest.ask("POST", "/twins/pi/methods", {}, repeat=False, patience=0.5)
    assert link.state().answers is False


def test_an_answer_that_comes_too_slowly_is_given_up(front: Front, link: AzureLink) -> None:
    front.plan = [Drips(200)]
    with pytest.raises(HubUnavailable, match="comes too slowly"):
        link._rest.ask("GET", "/devices/slow", patience=0.5)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Said(200, body=b"<html>"), "is not JSON"),
        (Said(200, body=b"[1]"), "something else than an object"),
        (Said(200, body=b"{}"), "no key to give"),
        (Said(200, body=b'{"authentication": {"type": "selfSigned"}}'), "no key to give"),
        (Said(200, body=b" " * 1_100_000), "longer than"),
        (Said(302, {"Location": "https://elsewhere.example/"}), "302"),
    ],
)
def test_nonsense_is_a_passing_thing_said_in_words(
    front: Front, link: AzureLink, answer: Said, sentence: str
) -> None:
    front.plan = [answer]
    with pytest.raises(HubUnavailable, match=sentence):
        link.put_device("odd")


def test_an_answer_that_comes_twice_is_not_taken_for_the_next_one(
    hub: RunningHub, front: Front, link: AzureLink
) -> None:
    """A device would be given the key of another."""
    for number in range(10):
        front.plan = [Twice()]
        link.put_device(f"twice-{number}")
        key = link.put_device(f"after-{number}").connection_string.key
        assert key == identity(hub, f"after-{number}")["authentication"]["symmetricKey"]["primaryKey"]


@pytest.mark.parametrize("status", [200, 409])
def test_no_device_is_given_the_key_of_another(
    hub: RunningHub, front: Front, link: AzureLink, status: int
) -> None:
    key = link.put_device("theirs").connection_string.key
    theirs = Said(200, body=_json(identity(hub, "theirs")))
    front.plan = [theirs] if status == 200 else [Said(409), theirs]
    with pytest.raises(HubUnavailable, match="with the identity of 'theirs'") as told:
        link.put_device("ours")
    assert key not in str(told.value)


@pytest.mark.parametrize("code", [401, 403, 400])
def test_a_refusal_names_what_azure_said_on_one_line_and_no_key(front: Front, link: AzureLink, code: int) -> None:
    body = _json({"Message": "ErrorCode:IotHubUnauthorizedAccess;no\nright" + "x" * 5000})
    front.plan = [Said(code, {"iothub-errorcode": "IotHubUnauthorizedAccess"}, body)]
    with pytest.raises(HubRefused, match=f"{code} IotHubUnauthorizedAccess: .*no right") as refused:
        link.put_device("odd")
    assert len(str(refused.value)) < 500
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "answer",
    [
        Said(404, {"iothub-errorcode": "DeviceNotOnline"}),
        Said(504, {"iothub-errorcode": "GatewayTimeout"}),
        Said(404, body=b'{"Message": "{\\"errorCode\\":404103,\\"message\\":\\"Timed out\\"}"}'),
    ],
)
def test_a_device_that_is_away_is_told_from_one_that_is_unknown(
    front: Front, link: AzureLink, answer: Said
) -> None:
    front.plan = [answer]
    with pytest.raises(DeviceOffline):
        link.call_method("pi", "identify", {}, timeout=5)


def test_a_policy_without_the_right_is_refused_in_azures_words(hub: RunningHub) -> None:
    with link_to(hub, "device") as link, pytest.raises(HubRefused, match="401 IotHubUnauthorizedAccess"):
        link.put_device("pi")


def test_a_certificate_of_another_name_is_refused_before_anything_is_said(hub: RunningHub, tmp_path: Path) -> None:
    with troubled(hub, tmp_path, "another.example") as front, linked(front) as link:
        with pytest.raises(HubUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            link.put_device("pi")
        assert front.asked == []


def test_an_authority_that_is_not_trusted_is_refused(hub: RunningHub, front: Front) -> None:
    owner = ServiceString.parse(service_string(hub))
    service = ServiceString("localhost", front.port, owner.policy, owner.key)
    stranger = AzureLink(RestClient(service, signed(service)), "localhost")
    with pytest.raises(HubUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        stranger.put_device("pi")
    stranger.close()


def test_where_nobody_listens_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        service = ServiceString("localhost", taken.getsockname()[1], "owner", "a2V5")
        link = AzureLink(RestClient(service, signed(service)), "localhost")
        with pytest.raises(HubUnavailable, match="refused") as told:
            link.put_device("pi")
        link.close()
    assert "a2V5" not in str(told.value)


def test_nothing_secret_is_logged_or_shown(
    front: Front, link: AzureLink, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    front.plan = [Lost(), Said(500)]
    access = link.put_device("quiet")
    with pytest.raises(HubUnavailable):
        link.call_method("quiet", "identify", {}, timeout=5)
    assert front.hub
    owner = ServiceString.parse(service_string(front.hub))
    shown = caplog.text + repr(link) + repr(owner) + repr(access) + repr(vars(link))
    for secret in (owner.key, access.connection_string.key, "SharedAccessSignature", "sig="):
        assert secret not in shown


def test_the_scanner_command_reaches_the_twin_at_azure(hub: RunningHub, tmp_path: Path) -> None:
    with link_to(hub) as link:
        link.put_device("pi-far")
    environment = os.environ | {
        "PI_AUTO_AZURE_SERVICE": service_string(hub),
        "SSL_CERT_FILE": str(hub.data / "tls" / "ca.pem"),
    }
    command = [sys.executable, "-m", "pi_auto.server.cli", "scanner", "--hub", "azure", "--data", str(tmp_path)]
    told = [
        subprocess.run(
            [*command, device, "usb-x", "--layout", "fr"],
            check=False,
            capture_output=True,
            text=True,
            env=environment,
        )
        for device in ("pi-far", "pi-nobody")
    ]
    assert [(ran.returncode, bool(ran.stdout)) for ran in told] == [(0, True), (1, False)]
    assert "404 DeviceNotFound" in told[1].stderr
    assert "fr" in json.dumps(Service(hub).ask("GET", "/twins/pi-far").body["properties"]["desired"])


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
