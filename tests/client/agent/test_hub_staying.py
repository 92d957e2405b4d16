"""A link that lasts: it comes back, follows the standing of the device, and beats."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from pi_auto.client.agent.hub.limits import Limits
from pi_auto.client.agent.wakeups import Reason
from pi_auto.client.spool.marks import Marks
from pi_auto.client.spool.settled import settled_everywhere
from support.mqtt_peer import MqttPeer
from support.stored import StoredScans
from support.waiting import wait_until

from .hub_links import arrived, given, linked, texts


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
