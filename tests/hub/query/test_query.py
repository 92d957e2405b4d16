"""The query language, on documents alone."""

from __future__ import annotations

from typing import Any

import pytest

from pi_auto.hub.query.evaluation import Groups, projected, selects
from pi_auto.hub.query.lexer import QueryError
from pi_auto.hub.query.parser import parse

DEVICES: list[dict[str, Any]] = [
    {"deviceId": "a", "status": "enabled", "tags": {"site": "Köln", "floor": 1, "a b": True, "gone": None},
     "properties": {"reported": {"queue": {"depth": 0}, "list": [1]}, "desired": {"x": 1}}},
    {"deviceId": "b", "status": "disabled", "tags": {"site": "Bonn", "floor": 2},
     "properties": {"reported": {"queue": {"depth": 7}}, "desired": {}}},
    {"deviceId": "c", "status": "enabled", "tags": {}, "properties": {"reported": {}, "desired": {"x": True}}},
]  # fmt: skip

CONDITIONS = [
    ("deviceId = 'a'", "a"),
    ("deviceId != 'a'", "bc"),
    ('deviceId <> "a"', "bc"),
    ("devices.deviceId = 'a' or c.deviceId = 'b'", "ab"),
    ("tags.site = 'Köln'", "a"),
    ("tags.site != 'Köln'", "b"),
    ("NOT tags.site = 'Köln'", "b"),
    ("tags.floor > 1", "b"),
    ("tags.floor >= 1 AND tags.floor < 2.5", "ab"),
    ("tags.floor < '2'", ""),
    ("tags.site = 'x' OR status = 'enabled' AND tags.floor = 1", "a"),
    ("(tags.floor = 1 OR tags.floor = 2) AND status = 'disabled'", "b"),
    ("deviceId IN ['a', 'c']", "ac"),
    ("deviceId NIN ['a', 'c']", "b"),
    ("tags.floor IN [2]", "b"),
    ("is_defined(tags.site)", "ab"),
    ("NOT is_defined(tags.site)", "c"),
    ("IS_NULL(tags.gone)", "a"),
    ("tags.gone = null", "a"),
    ("properties.desired.x = true", "c"),
    ("properties.desired.x = 1", "a"),
    ("properties.reported.queue.depth > -1", "ab"),
    ("is_array(properties.reported.list)", "a"),
    ("is_object(properties.reported.queue)", "ab"),
    ("STARTSWITH(tags.site, 'Bo')", "b"),
    ("ENDSWITH(tags.site, 'ln')", "a"),
    ("CONTAINS(tags.site, 'on')", "b"),
    ("tags.[[a b]] = true", "a"),
    ("deviceId = 'it''s' OR deviceId = 'b'", "b"),
    (" OR ".join(["x=1"] * 1000) + " OR deviceId = 'b'", "b"),
    (" AND ".join(["1=1"] * 900) + " AND deviceId = 'b'", "b"),
    ("tags.nothing = 1 OR deviceId = 'b' AND NOT (tags.nothing = 1 AND deviceId = 'b')", ""),
]


@pytest.mark.parametrize(("condition", "selected"), CONDITIONS)
def test_a_condition_selects_devices(condition: str, selected: str) -> None:
    query = parse(f"SELECT * FROM devices WHERE {condition}")  # noqa: S608 - no SQL
    assert "".join(device["deviceId"] for device in DEVICES if selects(query, device)) == selected


def test_columns_are_named_and_what_is_not_there_is_left_out() -> None:
    query = parse("select deviceId, tags.site as place, properties.reported.queue.depth from devices")
    assert [projected(query, device) for device in DEVICES] == [
        {"deviceId": "a", "place": "Köln", "depth": 0},
        {"deviceId": "b", "place": "Bonn", "depth": 7},
        {"deviceId": "c"},
    ]


GROUPED: list[tuple[str, list[dict[str, Any]]]] = [
    ("SELECT COUNT() AS n FROM devices", [{"n": 3}]),
    ("SELECT status, COUNT() AS n FROM devices GROUP BY status",
     [{"status": "enabled", "n": 2}, {"status": "disabled", "n": 1}]),
    ("SELECT SUM(tags.floor) AS s, AVG(tags.floor) AS a, MIN(tags.floor) AS l, MAX(tags.floor) AS m FROM devices",
     [{"s": 3, "a": 1.5, "l": 1, "m": 2}]),
    ("SELECT AVG(tags.nothing) AS a, COUNT() FROM devices", [{"count": 3}]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "rows"), GROUPED)
def test_devices_are_counted_in_groups(text: str, rows: list[dict[str, Any]]) -> None:
    groups = Groups(parse(text))
    for device in DEVICES:
        groups.add(device)
    assert groups.rows() == rows


def test_a_sum_that_json_cannot_say_is_left_out() -> None:
    groups = Groups(parse("SELECT SUM(x) AS s, AVG(x) AS a, MAX(x) AS m FROM devices"))
    for _ in range(2):
        groups.add({"x": 1.7e308})
    assert groups.rows() == [{"m": 1.7e308}]


WRONG = {
    "": "the end at 1; expected: SELECT",
    "SELECT": "the end at 7; expected: a name",
    "SELECT * FROM jobs": "'jobs' at 15; expected: devices",
    "SELECT * FROM devices WHERE": "the end at 28; expected: a name",
    "SELECT * FROM devices WHERE a = 1 b": "'b' at 35; expected: the end of the query",
    "SELECT * FROM devices WHERE a ~ 1": "'~ 1' at 30 is no part of a query",
    "SELECT * FROM devices WHERE a IN []": "']' at 35; expected: a name",
    "SELECT * FROM devices WHERE is_defined(a, b)": "takes 1 arguments, not 2",
    "SELECT * FROM devices GROUP BY a": "must stand in GROUP BY",
    "SELECT b, COUNT() FROM devices GROUP BY a": "must stand in GROUP BY",
    "SELECT TOP x * FROM devices": "'x' at 12; expected: a whole number",
    "SELECT * FROM devices WHERE " + "(" * 100: "at most 32",
    "SELECT * FROM devices WHERE " + "is_null(" * 900: "at most 32",
    "SELECT * FROM devices WHERE a = " + "1" * 5000: "at most 400 digits",
    "SELECT * FROM devices WHERE a = \u0663": "is no part of a query",  # digits of an alphabet that JSON has not
    "SELECT TOP \u0663 * FROM devices": "is no part of a query",
    "SELECT * FROM devices WHERE " + "a" * 9000: "at most 8192",
}


@pytest.mark.parametrize(("text", "says"), WRONG.items())
def test_what_is_no_query_is_refused_by_its_place(text: str, says: str) -> None:
    with pytest.raises(QueryError) as refused:
        parse(text)
    assert says in str(refused.value)


ALIASES = [
    "SELECT d.tags.floor FROM devices AS d WHERE d.deviceId = 'a'",
    "SELECT C.tags.floor FROM devices c WHERE c.deviceId = 'a'",
    "SELECT devices.tags.floor FROM devices AS d WHERE deviceId = 'a'",
]


@pytest.mark.parametrize("text", ALIASES)
def test_an_attribute_may_begin_with_the_name_that_the_devices_were_given(text: str) -> None:
    query = parse(text)
    assert [projected(query, device) for device in DEVICES if selects(query, device)] == [{"floor": 1}]


def test_top_is_read() -> None:
    assert parse("SELECT TOP 10 * FROM devices").top == 10
