"""Networks change under a device that works: the server moves, the device's own link moves."""

from __future__ import annotations

import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from pi_auto.client.agent.network.watching import Watching
from pi_auto.client.agent.wakeups import Reason, Wakeups
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.registration import HubDial
from support.appliance_site import SiteDevice
from support.fleet_peer import FleetPeer
from support.mqtt_peer import MqttPeer
from support.segments import Host, Net, Segment
from support.waiting import wait_until

from .conftest import DeviceOn, ServerOn
from .doing import allowed, delivers, finds


def test_a_server_that_moves_to_another_address_is_found_again_within_15_seconds(
    shop: Segment, server_host: Host, device_host: Host, server_on: ServerOn, device_on: DeviceOn
) -> None:
    shop.plug(server_host, "eth0", "192.168.50.10/24")
    shop.plug(device_host, "eth0", "192.168.50.20/24")
    server = server_on(server_host)
    device = device_on(device_host, server.card("192.168.50.10:5443"))
    finds(device, "the fleet card")
    delivers(device, server, "BEFORE", 15)
    server_host.do("ip", "address", "del", "192.168.50.10/24", "dev", "eth0")
    server_host.do("ip", "address", "add", "192.168.50.30/24", "dev", "eth0")
    took = delivers(device, server, "AFTER", 15)
    wait_until(lambda: (device.knows() or {}).get("host") == "192.168.50.30", what="the new address to be kept")
    print(f"moved server: {took:.1f} s")


@pytest.mark.parametrize("gone", ["the interface is down", "the cable is dead at its far end"])
def test_scans_flow_again_within_5_seconds_of_an_address_on_another_link(
    net: Net, shop: Segment, office: Segment, server_host: Host, device_host: Host,
    server_on: ServerOn, device_on: DeviceOn, tmp_path: Path, gone: str,
) -> None:  # fmt: skip
    headquarters = net.segment("172.20.0.1/24")
    headquarters.plug(server_host, "eth0", "172.20.0.10/24")
    shop.plug(device_host, "eth0", "192.168.50.20/24")
    net.serve(tmp_path, office)
    server = server_on(server_host)
    device = device_on(device_host, server.card("172.20.0.10:5443"))
    finds(device, "the fleet card")
    delivers(device, server, "BEFORE", 15)
    if gone == "the interface is down":
        device_host.do("ip", "link", "set", "eth0", "down")
    else:  # the kernel goes on believing in the link: what is sent is lost without a sign
        net.router.do("ip", "address", "del", "192.168.50.1/24", "dev", shop.bridge)
        net.router.do("ip", "link", "set", shop.bridge, "down")
    device.scanner.type("MEANWHILE")
    wait_until(lambda: "text=MEANWHILE" in device.said(), what="the scan to be stored")
    time.sleep(2.0)  # it is under way on the dead link
    office.lease(device_host, "wlan0", tmp_path)
    began = time.monotonic()
    wait_until(lambda: "MEANWHILE" in server.booked(), allowed(5), "the scan to flow by the new link")
    print(f"moved link, {gone}: {time.monotonic() - began:.1f} s")


def test_the_hub_is_gone_back_to_by_the_new_link_and_hears_the_new_address(
    net: Net, shop: Segment, office: Segment, server_host: Host, device_host: Host, tmp_path: Path
) -> None:
    """A server and a hub in the clear: what matters here is which way the connections go."""
    place = "172.20.0.10"
    net.segment("172.20.0.1/24").plug(server_host, "eth0", f"{place}/24")
    shop.plug(device_host, "eth0", "192.168.50.20/24")
    net.serve(tmp_path, office)
    with ExitStack() as stack:
        hub = server_host.within(lambda: stack.enter_context(MqttPeer(host=place)))
        key = str(ConnectionString("hub.test", "pi-1a2b3c4d", "c2VjcmV0"))
        peer = FleetPeer(connection_string=key, hub=HubDial(place, hub.port, tls=False), host=place)
        server_host.within(lambda: stack.enter_context(peer))
        url = f"http://{place}:{peer.port}"
        device = SiteDevice(
            device_host, tmp_path / "device", server_url=url, device_id="pi-1a2b3c4d",
            insecure_plain_http=True, heartbeat_interval=600,
        )  # fmt: skip
        stack.callback(device.close)
        device.start()
        wait_until(lambda: b"192.168.50.20" in b"".join(hub.reports), allowed(15), "a first heartbeat")
        net.router.do("ip", "address", "del", "192.168.50.1/24", "dev", shop.bridge)
        net.router.do("ip", "link", "set", shop.bridge, "down")
        office.lease(device_host, "wlan0", tmp_path)
        began = time.monotonic()
        wait_until(lambda: len(hub.connects) > 1, allowed(5), "the hub to be gone back to")
        wait_until(lambda: b"10.77.0.1" in b"".join(hub.reports), allowed(5), "the new address to be reported")
        print(f"hub by the new link: {time.monotonic() - began:.1f} s")


def test_a_burst_of_changes_is_one_change(shop: Segment, device_host: Host) -> None:
    changes: list[float] = []
    wakeups = Wakeups()
    watch = device_host.within(lambda: Watching(wakeups, lambda: changes.append(time.monotonic())))
    # Its questions go out on that network as well, since a thread is where its parent was.
    thread = device_host.within(lambda: _started(watch))
    try:
        shop.plug(device_host, "eth0", "192.168.50.20/24")
        wait_until(lambda: changes, allowed(5), "the link to be noticed")
        changes.clear()
        began = time.monotonic()
        batch = "".join(f"address add 10.0.{n}.1/24 dev eth0\n" for n in range(200))
        subprocess.run([*device_host.prefix, "ip", "-batch", "-"], input=batch.encode(), check=True)
        took = time.monotonic() - began
        wait_until(lambda: changes, allowed(5), "the burst to be noticed")
        assert len(changes) <= 1 + took / 0.2
    finally:
        wakeups.wake(Reason.STOP)
        thread.join(5)
    assert not thread.is_alive()


def _started(watch: Watching) -> threading.Thread:
    thread = threading.Thread(target=watch.run)
    thread.start()
    return thread
