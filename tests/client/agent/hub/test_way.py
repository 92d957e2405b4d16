from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pi_auto.client.agent.errors import HubLost
from pi_auto.client.agent.hub.carriers import Carrier
from pi_auto.client.agent.hub.way import HubWay, ways_into
from pi_auto.client.proxy import Proxy
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.registration import HubDial, RegistrationAnswer

from .conftest import DEVICE, NAME

M, W = Carrier.MQTT, Carrier.WEBSOCKET
PROXY = Proxy("proxy.site", 3128)
CREDENTIALS = ConnectionString(NAME, DEVICE, "c2VjcmV0")


def far(websocket_port: int | None) -> HubDial:
    return HubDial("10.0.0.5", 8884, tls=True, websocket_port=websocket_port)


@pytest.mark.parametrize(
    ("dial", "proxy", "ways"),
    [
        (None, None, [(M, NAME, 8883, None), (W, NAME, 443, None)]),
        (None, PROXY, [(W, NAME, 443, PROXY)]),
        (far(None), None, [(M, "10.0.0.5", 8884, None)]),
        (far(None), PROXY, [(M, "10.0.0.5", 8884, PROXY)]),
        (far(4443), None, [(M, "10.0.0.5", 8884, None), (W, "10.0.0.5", 4443, None)]),
        (far(4443), PROXY, [(W, "10.0.0.5", 4443, PROXY)]),
        (HubDial("127.0.0.1", 18883, tls=False), PROXY, [(M, "127.0.0.1", 18883, None)]),
        (HubDial("127.0.0.1", 18883, tls=True), PROXY, [(M, "127.0.0.1", 18883, None)]),
        (HubDial("10.0.0.5", 18883, tls=False, websocket_port=443), None, [(M, "10.0.0.5", 18883, None)]),
    ],
)
def test_the_ways_are_those_that_the_hub_and_the_site_leave_open(
    dial: HubDial | None, proxy: Proxy | None, ways: list[tuple[Carrier, str, int, Proxy | None]]
) -> None:
    given = RegistrationAnswer(DEVICE, datetime.now(UTC), str(CREDENTIALS), "", hub=dial)
    found = ways_into(given, DEVICE, None, proxy, insecure=True)
    assert [(way.carrier, way.address, way.port, way.proxy) for way in found] == ways


def test_whatever_is_dialled_the_name_of_the_connection_string_is_verified() -> None:
    way = HubWay(CREDENTIALS, "10.0.0.5", 443, tls=True, carrier=W, proxy=PROXY)
    context = way.context()
    assert context is not None
    assert (way.first_hop, context.beyond, context.verified_name) == (PROXY.address, ("10.0.0.5", 443), NAME)
    assert context.check_hostname


def test_a_way_says_how_it_goes_and_nothing_secret() -> None:
    way = HubWay(CREDENTIALS, NAME, 443, tls=True, carrier=W, proxy=PROXY)
    assert str(way) == "hub.test port 443 by WebSocket by the proxy http://proxy.site:3128"
    assert CREDENTIALS.key not in repr(way)


def test_authorities_that_cannot_be_read_are_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    missing = tmp_path_factory.mktemp("none") / "ca.pem"
    with pytest.raises(HubLost, match=r"ca\.pem"):
        HubWay(CREDENTIALS, NAME, 443, tls=True, ca=missing).context()
