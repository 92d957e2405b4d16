"""A capture that differs in the new release takes over from the one that runs; else it is restarted."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_auto.client.switcher.services import AGENT_UNIT, CAPTURE_UNIT
from support.update_box import UpdateBox, release

_CAPTURE = "pi_auto/client/capture/program.py"
_CODE = {"pi_auto/client/beginning.py": "from pi_auto.client.capture import program\n"}
_UNIT = "appliance/system/etc/systemd/system/pi-auto-capture.service"


def _release(version: str, does: dict[str, str] | None = None, unit: str = "[Service]\n") -> bytes:
    return release(version, does, code=_CODE | {_CAPTURE: f"VERSION = {version!r}\n", _UNIT: unit})


@pytest.fixture
def box(folder: Path) -> UpdateBox:
    """A device whose releases all differ in capture."""
    return UpdateBox(folder, _release("1.0.0"))


def _update(box: UpdateBox, does: dict[str, str] | None = None, unit: str = "[Service]\n") -> None:
    box.offer(_release("2.0.0", does, unit), "2.0.0", 2)
    box.update()


def _runs_from(box: UpdateBox) -> dict[str, str]:
    return {unit: told["release"] for unit, told in box.services.all()["units"].items()}


def _asked(box: UpdateBox) -> int:
    return int(box.services.all().get("asked", 0))


def test_it_takes_over_and_is_not_restarted(box: UpdateBox) -> None:
    _update(box)
    assert box.steps()[-1] == "committed"
    assert _runs_from(box) == {CAPTURE_UNIT: "2.0.0", AGENT_UNIT: "2.0.0"}
    assert box.services.started(CAPTURE_UNIT) == 1


def test_going_back_is_a_taking_over_as_well(box: UpdateBox) -> None:
    _update(box, {"agent": "crash"})
    assert box.steps()[-1] == "rolled_back"
    assert _runs_from(box) == {CAPTURE_UNIT: "1.0.0", AGENT_UNIT: "1.0.0"}
    assert (box.services.started(CAPTURE_UNIT), _asked(box)) == (1, 2)


def test_where_its_unit_differs_it_is_restarted(box: UpdateBox) -> None:
    _update(box, unit="[Service]\nLimitCORE=0\n")
    assert _runs_from(box)[CAPTURE_UNIT] == "2.0.0"
    assert (box.services.started(CAPTURE_UNIT), _asked(box)) == (2, 0)


def test_one_that_does_not_know_how_to_hand_over_is_restarted(box: UpdateBox) -> None:
    box.services.knows_handing_over = False
    _update(box)
    assert _runs_from(box)[CAPTURE_UNIT] == "2.0.0"
    assert box.services.started(CAPTURE_UNIT) == 2


@pytest.mark.parametrize(("does", "asked"), [("busy", 3), ("silent", 1)])
def test_where_it_does_not_come_about_for_no_fault_it_is_restarted(box: UpdateBox, does: str, asked: int) -> None:
    _update(box, {"hand_over": does})
    assert box.steps()[-1] == "committed"
    assert _runs_from(box)[CAPTURE_UNIT] == "2.0.0"
    assert (box.services.started(CAPTURE_UNIT), _asked(box)) == (2, asked)


def test_a_successor_with_a_fault_is_gone_back_from_while_the_former_scans_on(box: UpdateBox) -> None:
    _update(box, {"hand_over": "broken"})
    reason = "its capture could not take over, and the one before went on: it is broken"
    assert box.told()[-1] == ("rolled_back", reason)
    assert _runs_from(box) == {CAPTURE_UNIT: "1.0.0", AGENT_UNIT: "1.0.0"}
    assert box.services.started(CAPTURE_UNIT) == 1
    assert box.leftovers() == []


def test_offered_once_more_it_is_restarted_so_that_nobody_keeps_a_mending_away(box: UpdateBox) -> None:
    for _ in range(2):
        _update(box, {"hand_over": "broken"})
    assert box.steps()[-1] == "committed"
    assert _runs_from(box)[CAPTURE_UNIT] == "2.0.0"
    assert box.services.started(CAPTURE_UNIT) == 2


def test_going_back_never_ends_at_a_successor_with_a_fault(folder: Path) -> None:
    box = UpdateBox(folder, _release("1.0.0", {"hand_over": "broken"}))
    _update(box, {"agent": "crash"})
    assert box.steps()[-1] == "rolled_back"
    assert _runs_from(box)[CAPTURE_UNIT] == "1.0.0"
    assert box.services.started(CAPTURE_UNIT) == 2


def test_one_that_was_started_again_by_itself_is_restarted(box: UpdateBox) -> None:
    units = box.services.all()["units"]
    box.services.write(units=units | {CAPTURE_UNIT: units[CAPTURE_UNIT] | {"restarts": 3}})
    _update(box)
    assert _asked(box) == 0
    assert box.services.started(CAPTURE_UNIT) == 2
