from __future__ import annotations

import pytest

from pi_auto.wire.errors import FieldError
from pi_auto.wire.methods import NAMES, TOO_OFTEN, checked, refusal

REQUEST = "0190b3c4-1111-7000-8000-00000000d1a6"


@pytest.mark.parametrize(
    ("name", "payload", "read"),
    [
        ("restart", {}, {}),
        ("reboot", None, {}),
        ("check_update", {}, {}),
        ("diagnostics", {"request": REQUEST}, {"request": REQUEST}),
        ("identify", {"seconds": 1}, {"seconds": 1}),
        ("identify", {"seconds": 300}, {"seconds": 300}),
        ("set_log_level", {"level": "DEBUG", "minutes": 1440}, {"level": "DEBUG", "minutes": 1440}),
    ],
)
def test_what_a_method_takes_is_read(name: str, payload: object, read: dict[str, object]) -> None:
    assert checked(name, payload) == read


@pytest.mark.parametrize(
    ("name", "payload", "field"),
    [
        ("restart", {"command": "rm"}, "payload.command"),
        ("reboot", [], "payload"),
        ("diagnostics", None, "payload.request"),
        ("diagnostics", {"request": "../../etc/passwd"}, "payload.request"),
        ("diagnostics", {"request": REQUEST, "url": "https://elsewhere.example"}, "payload.url"),
        ("identify", {}, "payload.seconds"),
        ("identify", {"seconds": 0}, "payload.seconds"),
        ("identify", {"seconds": 301}, "payload.seconds"),
        ("identify", {"seconds": True}, "payload.seconds"),
        ("set_log_level", {"level": "debug", "minutes": 5}, "payload.level"),
        ("set_log_level", {"level": "DEBUG"}, "payload.minutes"),
        ("set_log_level", {"level": "DEBUG", "minutes": 1441}, "payload.minutes"),
    ],
)
def test_what_it_does_not_take_is_refused_by_name(name: str, payload: object, field: str) -> None:
    with pytest.raises(FieldError) as refused:
        checked(name, payload)
    assert refused.value.field == field
    assert refused.value.allowed


def test_no_device_has_a_method_beyond_these() -> None:
    assert NAMES == ("restart", "reboot", "identify", "check_update", "diagnostics", "set_log_level")
    with pytest.raises(KeyError):
        checked("shell", {})


def test_a_refusal_says_why() -> None:
    answer = refusal(TOO_OFTEN, "3 reboots within a day")
    assert (answer.status, answer.payload) == (429, {"error": "3 reboots within a day"})
