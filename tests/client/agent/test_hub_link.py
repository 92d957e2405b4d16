from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from pi_auto.client.agent.delivery.hub import HubDelivery
from pi_auto.client.agent.delivery.lane import Lane
from pi_auto.client.agent.enrolment.standing import Standing
from pi_auto.client.agent.errors import HubError, HubLost, HubRejected
from pi_auto.client.agent.hub.carriers import Carrier
from pi_auto.client.agent.hub.connection import HubConnection
from pi_auto.client.agent.hub.limits import Limits
from pi_auto.client.agent.hub.way import HubWay, ways_into
from pi_auto.client.agent.telling import Telling
from pi_auto.client.agent.wakeups import Reason, Wakeups
from pi_auto.client.bulletin import Bulletin
from pi_auto.client.settings import Settings
from pi_auto.client.spool.destinations import HUB
from pi_auto.client.spool.marks import Marks
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.client.spool.settled import settled_everywhere
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.heartbeat import Heartbeat
from pi_auto.wire.registration import HubDial, RegistrationAnswer
from pi_auto.wire.sas import SasToken
from support.certificates import Authority
from support.mqtt_peer import MqttPeer
from support.stored import StoredScans
from support.waiting import wait_until

from .conftest import DEVICE, KEY

NAME = "hub.test"


def given(port: int, *, tls: bool = False, address: str = "127.0.0.1") -> RegistrationAnswer:
    credentials = ConnectionString(NAME, DEVICE, KEY)
    return RegistrationAnswer(DEVICE, datetime.now(UTC), str(credentials), "", hub=HubDial(address, port, tls))


def way(port: int, *, tls: bool = False, ca: Path | None = None) -> HubWay:
    return ways_into(given(port, tls=tls), DEVICE, ca)[0]


class Link:
    """The hub worker of a device, running in a thread of its own."""

    def __init__(self, stored: StoredScans, marks: Marks, hub: MqttPeer, limits: Limits, address: str) -> None:
        self.rejections = 0
        self.own_link: frozenset[object] = frozenset()
        self.wakeups = Wakeups()
        self.standing = Standing(
            given(hub.port, address=address), Random(1), 300.0, asked=self._asked, changed=self._changed
        )
        settings = Settings(state=stored.state, heartbeat_interval=1, insecure_plain_http=True)
        lane = Lane(HUB, SpoolReader(stored.folder), marks)
        self.delivery = HubDelivery(
            settings,
            DEVICE,
            lane,
            self.standing,
            self.wakeups,
            Random(1),
            self._heartbeat,
            Telling(Bulletin(stored.state)),
            limits,
            link=lambda: self.own_link,
        )
        pauses = self.delivery._returning.pauses
        pauses.first = pauses.longest = 0.05
        self.thread = threading.Thread(target=self.delivery.run)

    def stop(self) -> None:
        self.wakeups.wake(Reason.STOP)
        self.thread.join(10)
        assert not self.thread.is_alive()

    def _asked(self) -> None:
        self.rejections += 1

    def _changed(self) -> None:
        self.wakeups.wake(Reason.STANDING)

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat("online", datetime.now(UTC), "0.1", {"hostname": "pi"}, {"api": {"waiting": 0}})


@contextmanager
def linked(
    stored: StoredScans, marks: Marks, hub: MqttPeer, limits: Limits | None = None, address: str = "127.0.0.1"
) -> Iterator[Link]:
    link = Link(stored, marks, hub, limits or Limits(), address)
    link.thread.start()
    try:
        yield link
    finally:
        link.stop()
        link.wakeups.close()


def texts(hub: MqttPeer) -> list[str]:
    return [json.loads(body)["barcode"] for body in hub.bodies()]


def arrived(marks: Marks, stored: StoredScans, number: int) -> None:
    wait_until(lambda: marks.through(HUB, stored.spool.uuid) == number, what=f"the mark to be at {number}")


class TestConnecting:
    def test_a_device_introduces_itself_as_iot_hub_wants_it(self, hub: MqttPeer) -> None:
        HubConnection(way(hub.port)).close()
        (packet,) = hub.connects
        fields = _strings(packet[10:])
        assert packet[:7] == b"\x00\x04MQTT\x04"
        assert int.from_bytes(packet[8:10], "big") == 60
        assert fields[:2] == [DEVICE, f"{NAME}/{DEVICE}/?api-version=2021-04-12"]
        token = SasToken.parse(fields[2])
        assert token is not None
        assert token.proves(f"{NAME}/devices/{DEVICE}", KEY, now=token.expiry - 3599)
        assert 3590 <= token.expiry - datetime.now(UTC).timestamp() <= 3600

    @pytest.mark.parametrize(
        ("connack", "kind"), [(5, HubRejected), (4, HubRejected), (3, HubLost), (2, HubLost), (1, HubLost)]
    )
    def test_a_rejected_device_is_told_from_a_busy_hub(
        self, hub: MqttPeer, connack: int, kind: type[HubError]
    ) -> None:
        hub.connack = connack
        with pytest.raises(kind):
            HubConnection(way(hub.port))

    @pytest.mark.parametrize(
        "greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\x00", b"\x30\x00", b"\xff" * 9]
    )
    def test_what_speaks_no_mqtt_is_no_hub(
        self, hub: MqttPeer, greeting: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("pi_auto.client.agent.hub.connection.PATIENCE", 0.5)
        hub.greeting = greeting
        with pytest.raises(HubLost):
            HubConnection(way(hub.port))

    def test_a_hub_that_says_nothing_is_left_in_time(self, hub: MqttPeer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pi_auto.client.agent.hub.connection.PATIENCE", 0.3)
        hub.greeting = b""
        with pytest.raises(HubLost, match="did not answer"):
            HubConnection(way(hub.port))

    def test_nobody_listening_is_lost(self) -> None:
        with MqttPeer() as gone:
            port = gone.port
        with pytest.raises(HubLost, match=r"no IoT Hub at 127\.0\.0\.1"):
            HubConnection(way(port))

    def test_the_name_of_the_connection_string_is_verified_whatever_is_dialled(self, authority: Authority) -> None:
        with MqttPeer(certificate=authority.certificate(NAME)) as secure:
            HubConnection(way(secure.port, tls=True, ca=authority.ca)).close()
            assert len(secure.connects) == 1

    @pytest.mark.parametrize("name", ["other.test", "127.0.0.1"])
    def test_a_hub_with_another_name_gets_no_credentials(self, authority: Authority, name: str) -> None:
        with MqttPeer(certificate=authority.certificate(name)) as impostor:
            with pytest.raises(HubLost, match="certificate"):
                HubConnection(way(impostor.port, tls=True, ca=authority.ca))
            assert impostor.connects == []

    def test_a_hub_of_an_unknown_authority_gets_no_credentials(self, authority: Authority, tmp_path: Path) -> None:
        with MqttPeer(certificate=Authority(tmp_path).certificate(NAME)) as impostor:
            with pytest.raises(HubLost, match="certificate"):
                HubConnection(way(impostor.port, tls=True, ca=authority.ca))
            assert impostor.connects == []


class TestComingBack:
    ELSEWHERE = "0.0.0.0"

    def test_to_a_hub_that_hung_up_a_device_comes_back_within_the_spread(
        self, stored: StoredScans, marks: Marks, hub: MqttPeer
    ) -> None:
        with linked(stored, marks, hub, Limits(spread=0.2), self.ELSEWHERE):
            wait_until(lambda: bool(hub.reports), what="a first heartbeat")
            hub.hang_up()
            wait_until(lambda: len(hub.connects) == 2, what="the device to come back")

    def test_a_hub_that_answers_nothing_before_it_hangs_up_is_left_a_whole_round_each_time(
        self, stored: StoredScans, marks: Marks, hub: MqttPeer, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A heartbeat that was written is no sign that it works: each time would be a first one."""
        hub.twin_status = None
        with linked(stored, marks, hub, Limits(spread=0.3), self.ELSEWHERE):
            for times in range(1, 6):
                wait_until(lambda: len(hub.connects) == times <= len(hub.reports), what="a heartbeat")  # noqa: B023 - called here
                hub.hang_up()
        pauses = [float(said) for said in re.findall(r"next try in ([\d.]+) s", caplog.text)]
        assert len(pauses) >= 4
        assert all(pause >= 0.3 for pause in pauses[1:])

    def test_a_device_whose_own_link_has_changed_does_not_wait(
        self, stored: StoredScans, marks: Marks, hub: MqttPeer, caplog: pytest.LogCaptureFixture
    ) -> None:
        with linked(stored, marks, hub, Limits(spread=10_000.0), self.ELSEWHERE) as link:
            wait_until(lambda: bool(hub.reports), what="a first heartbeat")
            hub.hang_up()
            wait_until(lambda: "next try in" in caplog.text, what="the device to wait for its turn")
            link.own_link = frozenset({("wlan0", "00000000", "0100000A")})
            link.wakeups.wake(Reason.NETWORK)
            wait_until(lambda: len(hub.connects) == 2, what="the device to come back at once")

    def test_a_network_that_changed_around_a_good_connection_is_a_reason_to_report_and_not_to_hang_up(
        self, stored: StoredScans, marks: Marks, hub: MqttPeer
    ) -> None:
        with linked(stored, marks, hub) as link:
            wait_until(lambda: bool(hub.reports), what="a first heartbeat")
            before = len(hub.reports)
            link.wakeups.wake(Reason.NETWORK)
            wait_until(lambda: len(hub.reports) > before, 5, "a heartbeat with the new address")
            assert len(hub.connects) == 1


class TestTheWay:
    def test_no_tls_is_for_this_machine_alone(self) -> None:
        far = given(1883, address="10.0.0.5")
        with pytest.raises(HubRejected, match="without TLS"):
            ways_into(far, DEVICE, None)
        assert len(ways_into(far, DEVICE, None, insecure=True)) == 1

    def test_without_a_dial_the_hub_is_where_its_name_says(self) -> None:
        found = ways_into(replace(given(1), hub=None), DEVICE, None)
        assert [(way.address, way.port, way.tls, way.carrier) for way in found] == [
            (NAME, 8883, True, Carrier.MQTT),
            (NAME, 443, True, Carrier.WEBSOCKET),
        ]

    def test_a_hub_that_is_switched_off_is_no_way(self) -> None:
        assert ways_into(replace(given(1), connection_string=None), DEVICE, None) == ()

    @pytest.mark.parametrize("text", ["nonsense", f"HostName=h;DeviceId=pi-other;SharedAccessKey={KEY}"])
    def test_a_connection_string_that_is_not_ours_is_rejected_without_showing_it(self, text: str) -> None:
        with pytest.raises(HubRejected) as rejected:
            ways_into(replace(given(1), connection_string=text), DEVICE, None)
        assert KEY not in str(rejected.value)

    def test_no_key_shows_in_a_repr(self) -> None:
        assert KEY not in repr(way(1))
        assert KEY not in repr(given(1))


class TestTelemetry:
    def test_scans_and_incidents_arrive_in_order_and_the_mark_follows(
        self, stored: StoredScans, marks: Marks, hub: MqttPeer
    ) -> None:
        with linked(stored, marks, hub) as link:
            records = stored.scan("one", "two") + stored.incident()
            link.wakeups.wake(Reason.RECORD)
            arrived(marks, stored, 3)
        bodies = [json.loads(body) for body in hub.bodies()]
        assert [body["messageType"] for body in bodies] == ["barcode_scan", "barcode_scan", "incident"]
        assert [
            f"$.mid={record.uuid}" in topic for record, (topic, _) in zip(records, hub.telemetry, strict=True)
        ] == [True] * 3

    def test_at_most_twenty_messages_are_under_way(self, stored: StoredScans, marks: Marks, hub: MqttPeer) -> None:
        stored.scan(*(f"scan {number}" for number in range(100)))
        with linked(stored, marks, hub):
            arrived(marks, stored, 100)
        assert texts(hub) == [f"scan {number}" for number in range(100)]
        assert hub.most_unacknowledged <= 20

    def test_what_is_not_acknowledged_stops_the_window_and_is_sent_again(
        self, stored: StoredScans, marks: Marks, hub: MqttPeer
    ) -> None:
        hub.acknowledge = False
        stored.scan(*(f"scan {number}" for number in range(30)))
        with linked(stored, marks, hub, Limits(silence=0.5)):
            wait_until(lambda: len(hub.connects) > 1, what="the silent connection to be given up")
            assert hub.most_unacknowledged == 20
            assert marks.through(HUB, stored.spool.uuid) == 0
            hub.acknowledge = True
            arrived(marks, stored, 30)
        assert texts(hub)[-30:] == [f"scan {number}" for number in range(30)]

    def test_after_a_lost_connection_everything_from_the_mark_on_is_sent_again(
        self, stored: StoredScans, marks: Marks, hub: MqttPeer
    ) -> None:
        hub.close_after = 8
        stored.scan(*(f"scan {number}" for number in range(30)))
        with linked(stored, marks, hub):
            wait_until(lambda: len(hub.connects) > 2, what="two connections to be lost")
            hub.close_after = None
            arrived(marks, stored, 30)
        assert list(dict.fromkeys(texts(hub))) == [f"scan {number}" for number in range(30)]

    def test_a_message_too_large_for_the_hub_is_set_aside_and_the_next_arrives(
        self, stored: StoredScans, marks: Marks, hub: MqttPeer
    ) -> None:
        stored.scan("one", "x" * 3000, "three")
        with linked(stored, marks, hub, Limits(message=4096)):
            arrived(marks, stored, 3)
        assert texts(hub) == ["one", "three"]
        (kept,) = marks.aside()
        assert (kept.destination, kept.position.number) == ("hub", 2)
        assert "allowed: 4096" in kept.reason

    def test_a_new_token_takes_over_without_losing_a_message(
        self, stored: StoredScans, marks: Marks, hub: MqttPeer
    ) -> None:
        expected: list[str] = []
        with linked(stored, marks, hub, Limits(life=0.15)) as link:
            while len(hub.connects) < 4:
                expected.append(f"scan {len(expected)}")
                stored.scan(expected[-1])
                link.wakeups.wake(Reason.RECORD)
                arrived(marks, stored, len(expected))
        assert texts(hub) == expected
        wait_until(lambda: hub.disconnects == len(hub.connects), what="every session said good-bye")

    def test_a_spool_that_is_missing_holds_up_no_heartbeat(
        self, tmp_path: Path, marks: Marks, hub: MqttPeer
    ) -> None:
        empty = StoredScans(tmp_path / "other")
        empty.close()
        (empty.folder / "spool.sqlite").unlink()
        with linked(empty, marks, hub):
            wait_until(lambda: len(hub.reports) >= 2, what="two heartbeats")


class TestDoubt:
    LIMITS = Limits(losses=3, doubt=0.1)

    @pytest.mark.parametrize("place", [0, 7, 29])
    def test_a_record_that_the_hub_dies_of_is_set_aside_and_those_behind_it_arrive(
        self, stored: StoredScans, marks: Marks, hub: MqttPeer, place: int
    ) -> None:
        scans = [f"scan {number}" for number in range(31)]
        scans[place] = "poison"
        hub.poison = b"poison"
        stored.scan(*scans)
        with linked(stored, marks, hub, self.LIMITS):
            arrived(marks, stored, 31)
        assert set(texts(hub)) == set(scans)
        (kept,) = marks.aside()
        assert (kept.destination, kept.position.number) == (HUB, place + 1)
        assert "closes the connection whenever it gets this" in kept.reason

    def test_a_hub_that_dies_of_it_slowly_is_not_taken_for_one_that_has_acknowledged_something(
        self, stored: StoredScans, marks: Marks, hub: MqttPeer
    ) -> None:
        """A report is sent without asking for a receipt: that it has been sent is no word of the hub."""
        hub.poison, hub.dies_within = b"poison", 0.2
        stored.scan("poison", "two", "three")
        with linked(stored, marks, hub, self.LIMITS):
            arrived(marks, stored, 3)
        assert [kept.position.number for kept in marks.aside()] == [1]

    def test_two_such_records_side_by_side_are_both_found(
        self, stored: StoredScans, marks: Marks, hub: MqttPeer
    ) -> None:
        hub.poison = b"poison"
        stored.scan("one", "poison", "poison", "four", "five")
        with linked(stored, marks, hub, self.LIMITS):
            arrived(marks, stored, 5)
        assert [kept.position.number for kept in marks.aside()] == [2, 3]

    def test_the_last_record_waits_until_another_shows_that_it_is_at_fault(
        self, stored: StoredScans, marks: Marks, hub: MqttPeer
    ) -> None:
        hub.poison = b"poison"
        stored.scan("one", "poison")
        with linked(stored, marks, hub, self.LIMITS) as link:
            wait_until(lambda: len(hub.connects) > 8, what="many lost connections")
            assert marks.aside() == []
            stored.scan("three")
            link.wakeups.wake(Reason.RECORD)
            arrived(marks, stored, 3)
        assert [kept.position.number for kept in marks.aside()] == [2]

    @pytest.mark.parametrize("fault", ["closes at every message", "acknowledges nothing", "is away"])
    def test_no_outage_costs_a_record(self, stored: StoredScans, marks: Marks, hub: MqttPeer, fault: str) -> None:
        hub.close_after = 1 if fault == "closes at every message" else None
        hub.acknowledge = fault != "acknowledges nothing"
        hub.greeting = b"" if fault == "is away" else None
        scans = [f"scan {number}" for number in range(30)]
        stored.scan(*scans)
        with linked(stored, marks, hub, replace(self.LIMITS, silence=0.05)):
            if fault == "is away":
                wait_until(lambda: hub.connects, what="a connection")
                hub.hang_up()
            else:
                wait_until(lambda: len(hub.connects) > 12, what="many lost connections")
            hub.close_after, hub.acknowledge, hub.greeting = None, True, None
            arrived(marks, stored, 30)
        assert marks.aside() == []
        assert set(texts(hub)) == set(scans)


class TestStanding:
    def test_a_hub_that_rejects_the_device_makes_it_ask_for_another_way(
        self, stored: StoredScans, marks: Marks, hub: MqttPeer
    ) -> None:
        hub.connack = 5
        stored.scan("one")
        with linked(stored, marks, hub) as link:
            wait_until(lambda: link.rejections, what="a complaint")
            with MqttPeer() as another:
                link.standing.replace(given(another.port), now=0.0)
                arrived(marks, stored, 1)
                assert texts(another) == ["one"]

    def test_another_hub_takes_over_without_a_restart(
        self, stored: StoredScans, marks: Marks, hub: MqttPeer
    ) -> None:
        with linked(stored, marks, hub) as link, MqttPeer() as another:
            stored.scan("one")
            link.wakeups.wake(Reason.RECORD)
            arrived(marks, stored, 1)
            link.standing.replace(given(another.port), now=0.0)
            stored.scan("two")
            link.wakeups.wake(Reason.RECORD)
            arrived(marks, stored, 2)
            assert (texts(hub), texts(another)) == (["one"], ["two"])
            link.stop()

    def test_a_hub_that_is_switched_off_holds_nothing_back(
        self, tmp_path: Path, stored: StoredScans, marks: Marks, hub: MqttPeer
    ) -> None:
        stored.scan("one")
        (record,) = stored.scan("two")
        with linked(stored, marks, hub) as link:
            arrived(marks, stored, 2)
            link.standing.replace(replace(given(hub.port), connection_string=None), now=0.0)
            stored.scan("three")
            marks.set_active("api", True)
            marks.advance("api", replace(record.position, number=3))
            path = tmp_path / "marks.sqlite"
            wait_until(
                lambda: settled_everywhere(path, stored.spool.uuid) == 3, what="the hub to hold nothing back"
            )


class TestHeartbeat:
    def test_it_comes_every_interval_and_says_goodbye(
        self, stored: StoredScans, marks: Marks, hub: MqttPeer
    ) -> None:
        with linked(stored, marks, hub):
            wait_until(lambda: len(hub.reports) >= 2, what="two heartbeats")
        wait_until(lambda: hub.disconnects, what="the goodbye has arrived")
        reports = [json.loads(report) for report in hub.reports]
        assert (reports[0]["status"], reports[0]["heartbeat_version"], reports[-1]["status"]) == (
            "online",
            "3.0",
            "offline",
        )
        assert set(reports[-1]) == {"status", "last_seen"}
        assert hub.disconnects == 1

    @pytest.mark.parametrize("twin_status", [None, 400, 500])
    def test_a_hub_that_does_not_say_yes_stops_neither_heart_nor_scans(
        self, stored: StoredScans, marks: Marks, hub: MqttPeer, twin_status: int | None
    ) -> None:
        hub.twin_status = twin_status
        with linked(stored, marks, hub) as link:
            wait_until(lambda: len(hub.reports) >= 2, what="two heartbeats")
            stored.scan("one")
            link.wakeups.wake(Reason.RECORD)
            arrived(marks, stored, 1)
        assert len(hub.connects) == 1


def _strings(octets: bytes) -> list[str]:
    """The length-prefixed strings of a CONNECT packet's payload."""
    found = []
    while octets:
        length = int.from_bytes(octets[:2], "big")
        found.append(octets[2 : 2 + length].decode())
        octets = octets[2 + length :]
    return found
