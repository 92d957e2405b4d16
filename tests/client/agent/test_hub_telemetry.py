"""What is stored arrives at the hub, in order and each once, whatever one record does to it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pi_auto.client.agent.hub.limits import Limits
from pi_auto.client.agent.wakeups import Reason
from pi_auto.client.spool.destinations import HUB
from pi_auto.client.spool.marks import Marks
from support.mqtt_peer import MqttPeer
from support.stored import StoredScans
from support.waiting import wait_until

from .hub_links import arrived, linked, texts


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
