from __future__ import annotations

import json
from pathlib import Path

import pytest

from pi_auto.client.bulletin import MOST_FOR_CAPTURE, Bulletin
from pi_auto.client.capture.learning.facts import FLEET, LEARNED, PERSON, Facts, Standing
from pi_auto.client.capture.learning.knowledge import Knowledge
from pi_auto.client.capture.learning.learned import FILE, Learned
from pi_auto.client.capture.learning.told import WANTED, Told
from pi_auto.client.scanner_settings import FILE as SETTINGS
from pi_auto.wire.scanner_settings import ScannerSettings, key_of

FRENCH = Facts(kind="scanner", layout="fr")
ID = "usb-a.b-1"


def test_what_was_learned_is_known_after_the_next_start(tmp_path: Path) -> None:
    Learned(tmp_path).keep(ID, FRENCH)
    again = Learned(tmp_path)
    assert (again.of(ID), again.of("another")) == (FRENCH, Facts())


def test_of_two_by_one_name_holds_at_first_what_was_known_while_there_was_one(tmp_path: Path, agent: Path) -> None:
    of_person(tmp_path, ScannerSettings(kind="scanner"))
    knowledge = Knowledge(tmp_path, agent, print)
    knowledge.look()
    knowledge.calibrated(ID, "fr")
    first, second = f"{ID}@usb-1-1.2", f"{ID}@usb-1-1.3"
    assert [knowledge.standing(each) for each in (first, second)] == [
        Standing("fr", LEARNED, "scanner", PERSON, calibrates=True)
    ] * 2
    knowledge.calibrated(second, "de")
    assert [knowledge.standing(each).layout for each in (first, second, ID)] == ["fr", "de", "fr"]


def test_what_no_name_can_be_in_what_the_agent_tells_ends_no_capture(tmp_path: Path, agent: Path) -> None:
    told = {"\ud800": {"layout": "fr"}, "a%\udc00": {"kind": 5}, key_of(ID): {"kind": "scanner", "layout": "de"}}
    Bulletin(agent).post(WANTED, {"scanners": told})
    for _ in range(2):  # the last word of the agent holds after a start as well
        said: list[str] = []
        knowledge = Knowledge(tmp_path, agent, said.append)
        knowledge.look()
        assert knowledge.standing(ID).layout == "de"
        assert len(said) == 1


def test_of_too_many_the_oldest_are_forgotten(tmp_path: Path) -> None:
    known = {f"s{number}": FRENCH.to_json() for number in range(1000)}
    (tmp_path / FILE).write_text(json.dumps({"scanners": known}))
    learned = Learned(tmp_path)
    learned.keep("one more", FRENCH)
    assert [learned.of(each) for each in ("s0", "s1", "one more")] == [Facts(), FRENCH, FRENCH]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"scanners": ["a"]}', '{"scanners": 5}', "[" * 100_000])
def test_a_file_that_cannot_be_read_costs_only_what_was_learned(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    learned = Learned(tmp_path)
    assert learned.of(ID) == Facts()
    learned.keep(ID, FRENCH)
    assert Learned(tmp_path).of(ID) == FRENCH


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    folder = tmp_path / "agent"
    folder.mkdir()
    return folder


def of_person(folder: Path, settings: ScannerSettings) -> None:
    (folder / SETTINGS).write_text(json.dumps({"scanners": {key_of(ID): settings.to_json()}}))


def test_a_person_and_the_fleet_are_both_heard(tmp_path: Path, agent: Path, complaints: list[str]) -> None:
    told = Told(tmp_path, agent, complaints.append)
    of_person(tmp_path, ScannerSettings("de"))
    Bulletin(agent).post(WANTED, {"scanners": {key_of(ID): {"kind": "keyboard"}}})
    told.look()
    assert told.of(ID) == {PERSON: ScannerSettings("de"), FLEET: ScannerSettings(kind="keyboard")}
    assert told.of("another") == {}


def test_what_is_set_of_one_of_two_stands_over_what_was_set_while_there_was_one(
    tmp_path: Path, agent: Path, complaints: list[str]
) -> None:
    told = Told(tmp_path, agent, complaints.append)
    second = f"{ID}@usb-1-1.3"
    both = {ID: ScannerSettings("de", calibration="w1"), second: ScannerSettings(kind="scanner", calibration="w2")}
    (tmp_path / SETTINGS).write_text(
        json.dumps({"scanners": {key_of(name): each.to_json() for name, each in both.items()}})
    )
    told.look()
    assert told.of(second) == {PERSON: ScannerSettings("de", "scanner", "w2")}
    assert told.of(f"{ID}@usb-1-1.2") == told.of(ID) == {PERSON: both[ID]}


def test_while_the_agent_tells_nothing_the_fleets_last_word_holds(
    tmp_path: Path, agent: Path, complaints: list[str]
) -> None:
    told, bulletin = Told(tmp_path, agent, complaints.append), Bulletin(agent)
    bulletin.post(WANTED, {"scanners": {key_of(ID): {"layout": "fr"}}})
    told.look()
    bulletin.take_down()
    told.look()
    assert told.of(ID) == {FLEET: ScannerSettings("fr")}
    told = Told(tmp_path, agent, complaints.append)  # another start, before the agent's
    told.look()
    assert told.of(ID) == {FLEET: ScannerSettings("fr")}
    Bulletin(agent).post(WANTED, {})
    told.look()
    assert told.of(ID) == {}


def test_a_setting_that_cannot_be_used_is_complained_of_once(
    tmp_path: Path, agent: Path, complaints: list[str]
) -> None:
    told = Told(tmp_path, agent, complaints.append)
    (tmp_path / SETTINGS).write_text('{"scanners": {"a": {"layout": "xx"}}}')
    told.look()
    told.look()
    assert len(complaints) == 1
    assert "scanners.a.layout is 'xx'" in complaints[0]


def test_of_an_agent_gone_wild_nothing_is_read_that_would_hold_up_who_reads_keys(
    tmp_path: Path, agent: Path, complaints: list[str]
) -> None:
    told, bulletin = Told(tmp_path, agent, complaints.append), Bulletin(agent)
    bulletin.post(WANTED, {"scanners": {key_of(ID): {"layout": "fr"}}})
    told.look()
    bulletin.post("hub", "[" * MOST_FOR_CAPTURE)
    bulletin.post(WANTED, {"scanners": {key_of(ID): {"layout": "de"}}})
    told.look()
    assert told.of(ID) == {FLEET: ScannerSettings("fr")}  # its last word that was short enough


def test_of_nonsense_without_an_end_only_the_first_is_complained_of(
    tmp_path: Path, agent: Path, complaints: list[str]
) -> None:
    told, bulletin = Told(tmp_path, agent, complaints.append), Bulletin(agent)
    for look in range(10):
        bulletin.post(WANTED, {"scanners": {f"s{look}-{number}": {"layout": "xx"} for number in range(64)}})
        told.look()
    assert len(complaints) == 200
