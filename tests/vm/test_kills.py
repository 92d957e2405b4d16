"""Whatever kills them, they come back; and no key of a scan reaches the console meanwhile."""

from __future__ import annotations

import pytest

from support.vm.appliance import AGENT, CAPTURE, Appliance, fresh_code
from support.vm.figures import Figures
from support.waiting import wait_until

AIM = {CAPTURE: 1.0, AGENT: 15.0}  # seconds from its death to its saying that it works
BOUND = {CAPTURE: 10.0, AGENT: 30.0}  # what emulation on a busy machine is allowed
_DIED, _WORKS = "Main process exited, code=killed", "Started "


def kill(pi: Appliance, unit: str) -> float:
    """Kill it and wait until it works again; how long that took, by the guest's clock."""
    mark = pi.journal.mark()
    pi.machine.run(f"sudo systemctl kill -s KILL {unit}")
    died = pi.journal.wait_for(_DIED, mark, unit=unit)
    return pi.journal.wait_for(_WORKS, mark, unit=unit, timeout=60).at - died.at


@pytest.mark.parametrize("unit", [CAPTURE, AGENT])
def test_it_is_back_soon_after_it_was_killed(pi: Appliance, figures: Figures, unit: str, *, long: bool) -> None:
    pi.have_scanner()
    taken = [kill(pi, unit) for _ in range(5 if long or unit == CAPTURE else 2)]
    figures.spread(f"{unit.removesuffix('.service')} works after kill -9", taken, "s", f"{AIM[unit]:g}")
    assert max(taken) <= BOUND[unit]
    pi.site.wait_for(pi.scan())


def test_many_kills_in_a_row_never_end_in_failed(pi: Appliance, *, long: bool) -> None:
    mark = pi.journal.mark()
    kills = 50 if long else 10
    for _ in range(kills):
        before = pi.journal.mark()
        pi.machine.run(f"sudo systemctl kill -s KILL {CAPTURE} {AGENT}", check=False)
        pi.journal.wait_for(_DIED, before, unit=CAPTURE)
        assert "failed" not in pi.machine.run(f"systemctl is-failed {CAPTURE} {AGENT}", check=False).split()
        pi.journal.wait_for("Starting ", before, unit=CAPTURE)
    assert not pi.journal.since(mark, text="Start request repeated too quickly")
    pi.wait_for_services()
    pi.site.wait_for(pi.scan())


def test_what_is_grabbed_rests_with_systemd(pi: Appliance) -> None:
    pi.have_scanner()
    assert kept(pi) == 1
    pi.have_scanner("kbd2")
    wait_until(lambda: kept(pi) == 2, 30, "two descriptors are kept")
    kill(pi, CAPTURE)
    assert kept(pi) == 2
    pi.machine.unplug("kbd2")
    wait_until(lambda: kept(pi) == 1, 30, "what has gone is kept no longer")


@pytest.mark.parametrize("deed", ["restart", "kill -s KILL"])
@pytest.mark.parametrize("unit", [CAPTURE, AGENT])
def test_no_key_reaches_the_console_while_one_is_away(pi: Appliance, deed: str, unit: str, *, long: bool) -> None:
    """Keys go in from before it dies until it is back; each code is stored whole, or told as lost."""
    pi.have_scanner()
    mark = pi.journal.mark()
    pi.machine.run(
        f"sudo systemd-run --quiet --on-active=1 --timer-property=AccuracySec=10ms systemctl {deed} {unit}"
    )
    pi.keep_scanning(until=lambda: pi.journal.since(mark, unit=unit, text=_WORKS))
    for _ in range(10 if long else 3):
        pi.type(fresh_code())
    pi.site.wait_for(pi.scan())
    pi.wait_until_all_is_there()


def kept(pi: Appliance) -> int:
    """How many descriptors systemd keeps for capture."""
    return int(pi.machine.run(f"systemctl show -p NFileDescriptorStore --value {CAPTURE}"))
