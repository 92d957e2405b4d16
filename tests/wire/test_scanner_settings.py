from __future__ import annotations

import pytest

from pi_auto.hub.patches import parse_patch
from pi_auto.wire.scanner_settings import ScannerSettings, key_of, settings_in

ID = "usb-Symbol_Bar.Code $canner_é-event-kbd"


def test_what_was_set_is_read_as_it_was() -> None:
    settings = ScannerSettings("fr", "scanner", "4f1c", "77a0")
    assert settings_in({"scanners": {key_of(ID): settings.to_json()}}) == ({ID: settings}, [])


def test_any_id_becomes_a_name_that_a_twin_takes() -> None:
    assert parse_patch(f'{{"{key_of(ID)}": 1}}'.encode())


def test_one_wrong_entry_is_named_and_spoils_no_other() -> None:
    found, errors = settings_in({"scanners": {"a": {"layout": "xx"}, "b": {"layout": "de"}, "c": 5}})
    assert found == {"b": ScannerSettings("de")}
    assert [str(error).partition(";")[0] for error in errors] == [
        "scanners.a.layout is 'xx'",
        "scanners.c is 5",
    ]


@pytest.mark.parametrize("key", ["\ud800", "a%\udc00", "%4\ud800", "a%C3%A9%\ud83d"])
def test_half_a_character_in_a_name_spoils_no_other(key: str) -> None:
    found, errors = settings_in({"scanners": {key: {"layout": "fr"}, "b": {"layout": "de"}}})
    assert (len(found), found["b"], errors) == (2, ScannerSettings("de"), [])
    assert all(name.encode() for name in found)


def test_desired_properties_without_scanners_set_nothing() -> None:
    assert settings_in({}) == ({}, [])
    assert settings_in({"scanners": "no"}) == ({}, [])
