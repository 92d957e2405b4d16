"""Roll-outs, what each device has made of them, and what operators say of single devices."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Integer, String, Table, Text

from pi_auto.server.store.columns import Moment, RowNumber, metadata

BY_PIN = 0  # the roll-out of an attempt that a pin has made

rollouts = Table(
    "rollouts",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("counter", ForeignKey("releases.counter"), nullable=False, index=True),
    Column("state", String(16), nullable=False, index=True),  # see judging.State
    Column("stages", JSON, nullable=False),  # see stages.Stage
    Column("stage", Integer, nullable=False),  # which of them it is in, from 0
    Column("stage_at", Moment),  # since when
    Column("success", Integer, nullable=False),  # percent of the reached that have to have committed
    Column("failures", Integer, nullable=False),  # so many pause it,
    Column("failure_percent", Integer, nullable=False),  # if they are this share of the finished as well
    Column("silence", Integer, nullable=False),  # seconds without a report that count as a failure
    Column("attempts", Integer, nullable=False),  # of a device
    Column("forgiven_at", Moment),  # failures up to then are known to an operator, who went on
    Column("why", Text),  # it is paused, aborted, or waits
    Column("made_by", String(128), nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("ended_at", Moment),
    Column("urgent", Integer, nullable=False, server_default="0"),  # 1: mandatory, outside of windows too
)

update_attempts = Table(
    "update_attempts",
    metadata,
    Column("rollout_id", BigInteger, primary_key=True, autoincrement=False),  # or BY_PIN
    Column("device_id", ForeignKey("devices.device_id"), primary_key=True, index=True),
    Column("counter", BigInteger, primary_key=True, autoincrement=False),
    Column("stage", Integer, nullable=False),  # in which it was first offered
    Column("step", String(16), nullable=False),  # see steps.py
    Column("reason", Text),
    Column("percent", Integer),
    Column("attempts", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("failed_at", Moment),  # the last time
    Column("first_at", Moment, nullable=False),
    Column("offered_at", Moment, nullable=False),
    Column("said_at", Moment),  # the device's own time of what it has told last
    Column("heard_at", Moment, nullable=False),  # offered, or told something: silence counts from then on
    Column("ended_at", Moment),
)

update_checks = Table(
    "update_checks",
    metadata,
    Column("device_id", ForeignKey("devices.device_id"), primary_key=True),
    Column("version", String(64), nullable=False),  # what it said it runs
    Column("asked_at", Moment, nullable=False, index=True),
    Column("highest", BigInteger, nullable=False),  # the highest counter that it is known to have committed
)

update_pins = Table(
    "update_pins",
    metadata,
    Column("device_id", ForeignKey("devices.device_id"), primary_key=True),
    Column("counter", ForeignKey("releases.counter"), nullable=False),
    Column("pinned_by", String(128), nullable=False),
    Column("pinned_at", Moment, nullable=False),
)

device_groups = Table(
    "device_groups",
    metadata,
    Column("device_id", ForeignKey("devices.device_id"), primary_key=True),
    Column("name", String(32), nullable=False, index=True),
)

device_tags = Table(
    "device_tags",
    metadata,
    Column("device_id", ForeignKey("devices.device_id"), primary_key=True),
    Column("tag", String(32), primary_key=True, index=True),
)

maintenance_windows = Table(
    "maintenance_windows",
    metadata,
    Column("kind", String(8), primary_key=True),  # device, group or fleet
    Column("name", String(63), primary_key=True),  # of the device or group; empty for the fleet
    Column("days", String(27), nullable=False),  # such as mon,tue
    Column("begins", Integer, nullable=False),  # minutes after midnight
    Column("ends", Integer, nullable=False),  # the same; before `begins`: on the next day
    Column("zone", String(64), nullable=False),  # as IANA names it
)
