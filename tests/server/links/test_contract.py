"""What both kinds of link promise, asked of the local hub over its socket and over Azure's REST."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from pi_auto.server.links.base import DeviceOffline, HubRefused, HubUnavailable, Link
from pi_auto.server.links.local import LocalLink
from pi_auto.server.settings import Address, Settings
from pi_auto.wire import topics
from pi_auto.wire.connection_string import ConnectionString
from support.api import open_api
from support.azure import link_to
from support.hub import running_hub
from support.mqtt import PahoDevice, RawDevice, connect_packet

ACCEPTED, REFUSED = b"\x20\x02\x00\x00", b"\x20\x02\x00\x05"


class Site(NamedTuple):
    """A link, where devices reach its hub, and how that is taken away."""

    link: Link
    mqtt: tuple[str, int]


@pytest.fixture(scope="module", params=["local", "azure"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        yield {"local": _local, "azure": _azure}[request.param](folder, stack)


def _local(folder: Path, stack: ExitStack) -> Site:
    api = stack.enter_context(open_api(folder / "books"))
    settings = Settings(data=folder, hub_mqtt=Address("127.0.0.1", 0))
    link = LocalLink.start(settings, api.context.store, api.context.writer)
    stack.callback(link.close)
    bound = link.wait_bound(20)
    return Site(link, (bound.host, bound.port))


def _azure(folder: Path, stack: ExitStack) -> Site:
    hub = stack.enter_context(running_hub(folder, "--name", "localhost", "--https-port", "0"))
    link = stack.enter_context(link_to(hub))
    return Site(link, hub.mqtt_address)


def test_a_device_is_made_once_and_keeps_its_key(site: Site) -> None:
    first, second = site.link.put_device("pi-0"), site.link.put_device("pi-0")
    assert first.connection_string == second.connection_string
    assert first.connection_string.device_id == "pi-0"
    assert _answer(site, first.connection_string) == ACCEPTED


def test_a_disabled_device_is_cut_off_and_let_in_again_once_enabled(site: Site) -> None:
    device = site.link.put_device("pi-1").connection_string
    with RawDevice(site.mqtt) as raw:
        raw.connect(device)
        site.link.set_enabled("pi-1", enabled=False)
        assert raw.is_closed()
    site.link.set_enabled("pi-1", enabled=False)
    assert site.link.put_device("pi-1").connection_string == device
    assert _answer(site, device) == REFUSED
    site.link.set_enabled("pi-1", enabled=True)
    assert _answer(site, device) == ACCEPTED


def test_rotated_keys_leave_the_device_its_last_one(site: Site) -> None:
    first = site.link.put_device("pi-2").connection_string
    second = site.link.rotate_keys("pi-2").connection_string
    third = site.link.rotate_keys("pi-2").connection_string
    assert len({first.key, second.key, third.key}) == 3
    assert [_answer(site, device) for device in (first, second, third)] == [REFUSED, ACCEPTED, ACCEPTED]


def test_a_disabled_device_stays_so_when_its_keys_are_rotated(site: Site) -> None:
    site.link.put_device("pi-8")
    site.link.set_enabled("pi-8", enabled=False)
    assert _answer(site, site.link.rotate_keys("pi-8").connection_string) == REFUSED


def test_a_deleted_device_is_cut_off_and_may_be_deleted_twice(site: Site) -> None:
    device = site.link.put_device("pi-3").connection_string
    with RawDevice(site.mqtt) as raw:
        raw.connect(device)
        site.link.delete_device("pi-3")
        assert raw.is_closed()
    site.link.delete_device("pi-3")
    assert site.link.put_device("pi-3").connection_string.key != device.key


def test_desired_properties_reach_the_twin_and_tags_stay_out_of_it(site: Site) -> None:
    device = site.link.put_device("pi-4").connection_string
    site.link.patch_tags("pi-4", {"site": "Lyon"})
    site.link.patch_desired("pi-4", {"log_level": "DEBUG", "gone": 1})
    site.link.patch_desired("pi-4", {"gone": None})
    with PahoDevice(site.mqtt, device) as connected:
        connected.subscribe(topics.TWIN_RESPONSES)
        assert connected.twin() == {"desired": {"log_level": "DEBUG", "$version": 3}, "reported": {"$version": 1}}


def test_a_method_is_answered_by_the_device(site: Site) -> None:
    with PahoDevice(site.mqtt, site.link.put_device("pi-5").connection_string) as device:
        device.subscribe(topics.METHODS)
        answering = threading.Thread(target=_answer_one, args=(device,))
        answering.start()
        answer = site.link.call_method("pi-5", "identify", {"seconds": 3}, timeout=10)
        answering.join()
    assert (answer.status, answer.payload) == (200, {"asked": {"seconds": 3}})


@pytest.mark.parametrize("subscribed", [False, True])
def test_a_method_of_a_device_that_cannot_answer_says_so(site: Site, subscribed: bool) -> None:
    with PahoDevice(site.mqtt, site.link.put_device("pi-6").connection_string) as device:
        if subscribed:
            device.subscribe(topics.METHODS)
        with pytest.raises(DeviceOffline):
            site.link.call_method("pi-6", "identify", {}, timeout=1)


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda link: link.set_enabled("pi-9", enabled=False), id="set_enabled"),
        pytest.param(lambda link: link.rotate_keys("pi-9"), id="rotate_keys"),
        pytest.param(lambda link: link.patch_tags("pi-9", {}), id="patch_tags"),
        pytest.param(lambda link: link.patch_desired("pi-9", {"a": 1}), id="patch_desired"),
        pytest.param(lambda link: link.call_method("pi-9", "identify", {}, timeout=1), id="call_method"),
    ],
)
def test_what_is_asked_of_a_device_that_is_not_there_is_refused(site: Site, ask: Callable[[Link], object]) -> None:
    with pytest.raises(HubRefused, match="pi-9"):
        ask(site.link)


def test_a_patch_that_a_twin_cannot_hold_is_refused_with_the_reason(site: Site) -> None:
    site.link.put_device("pi-7")
    with pytest.raises(HubRefused, match=r"32|long|size|bytes"):
        site.link.patch_desired("pi-7", {f"p{n}": "x" * 4000 for n in range(20)})


def test_a_device_id_stays_inside_its_path(site: Site) -> None:
    with pytest.raises(HubUnavailable):
        site.link.set_enabled("pi-1/../pi-0?x=", enabled=False)


def test_the_link_knows_that_its_hub_answers(site: Site) -> None:
    site.link.put_device("pi-0")
    assert site.link.state().answers is True


def _answer(site: Site, device: ConnectionString) -> bytes:
    with RawDevice(site.mqtt) as raw:
        raw.send(connect_packet(device))
        return raw.receive(4)


def _answer_one(device: PahoDevice) -> None:
    topic, body = device.answers.get(timeout=10)
    request_id = topic.rpartition("$rid=")[2]
    answer = json.dumps({"asked": json.loads(body)}).encode()
    device.client.publish(f"$iothub/methods/res/200/?$rid={request_id}", answer, qos=1)
