"""Direct methods on a whole system: what the agent may not do by itself, and is done for it all the same."""

from __future__ import annotations

import json
import shlex
import uuid
from collections.abc import Iterator

import pytest

from pi_auto.server.links.base import HubUnavailable, MethodAnswer
from support.vm.appliance import AGENT, CAPTURE, Appliance
from support.waiting import wait_until

STATE = "/var/lib/pi-auto-client"
LED = "/sys/class/leds/ACT"


def call(pi: Appliance, method: str, payload: dict[str, object] | None = None) -> MethodAnswer:
    """What the device answers, once it is at its hub."""
    answers = []

    def called() -> bool:
        try:
            answers.append(pi.site.call(method, payload))
        except HubUnavailable:
            return False
        return True

    wait_until(called, 5 * pi.patience, f"the device answers {method}")
    return answers[0]


@pytest.fixture
def at_work(pi: Appliance) -> Iterator[Appliance]:
    """It scans, and no reboot has been counted before; nor is one after."""
    pi.have_scanner()
    pi.site.wait_for(pi.scan())
    pi.machine.run(f"sudo rm -f {STATE}/agent/reboots.json")
    yield pi
    pi.machine.run(f"sudo rm -f {STATE}/agent/reboots.json")


def test_a_reboot_comes_back_by_itself_and_loses_nothing(at_work: Appliance) -> None:
    pi, former = at_work, at_work.machine.boot_id()
    mark = pi.journal.mark()
    before = [pi.scan() for _ in range(3)]
    answer = call(pi, "reboot")
    assert (answer.status, answer.payload["left_today"]) == (200, 2)
    pi.machine.wait_for_another_boot_than(former)
    pi.wait_for_scanner("kbd1", mark)
    pi.wait_for_services()
    pi.site.wait_for(*before, pi.scan())
    pi.wait_until_all_is_there()
    assert pi.machine.status_of("sudo test -e /run/pi-auto-client/reboot")[0] != 0
    kept = json.loads(pi.machine.run(f"sudo cat {STATE}/agent/reboots.json"))["reboots"]
    assert [each["boot_id"] for each in kept] == [former]


def test_the_fourth_reboot_of_a_day_is_refused(at_work: Appliance) -> None:
    """Three that were made before: what counts is what is kept, and by how long the machine has run since."""
    pi, former = at_work, at_work.machine.boot_id()
    made = [{"boot_id": str(uuid.uuid4()), "uptime_ns": 1, "wall_ns": None} for _ in range(3)]
    kept = shlex.quote(json.dumps({"reboots": made}))
    pi.machine.run(f"echo {kept} | sudo -u pi-auto tee {STATE}/agent/reboots.json >/dev/null")
    answer = call(pi, "reboot")
    assert (answer.status, "3 times within a day" in answer.payload["error"]) == (429, True)
    pi.site.wait_for(pi.scan())
    assert pi.machine.boot_id() == former


def test_the_agents_user_may_reboot_in_no_other_way(at_work: Appliance) -> None:
    pi, former = at_work, at_work.machine.boot_id()
    assert pi.machine.status_of("sudo -u pi-auto systemctl reboot --no-ask-password")[0] != 0
    assert pi.machine.status_of("sudo -u pi-auto-capture touch /run/pi-auto-client/reboot")[0] != 0
    pi.site.wait_for(pi.scan())
    assert pi.machine.boot_id() == former
    assert pi.machine.run("systemctl is-active pi-auto-reboot.path").strip() == "active"


def test_it_shows_itself_when_it_is_looked_for(at_work: Appliance) -> None:
    """By its own LED, which an emulated machine has not: there it says so."""
    pi = at_work
    answer = call(pi, "identify", {"seconds": 10})
    if pi.machine.status_of(f"test -e {LED}/brightness")[0] != 0:
        assert (answer.status, "no lamp" in answer.payload["error"]) == (503, True)
    else:
        assert answer.status == 200
        lit = f"cat {LED}/brightness"
        wait_until(lambda: pi.machine.run(lit).strip() != "0", pi.patience, "the LED is lit")
        wait_until(lambda: pi.machine.run(lit).strip() == "0", pi.patience, "the LED is dark")
    pi.site.wait_for(pi.scan())


def test_diagnostics_are_made_in_the_sandbox_and_scanning_goes_on(at_work: Appliance) -> None:
    """Whether the server takes them is its own affair: of this request it knows nothing."""
    pi, mark, request = at_work, at_work.journal.mark(), str(uuid.uuid4())
    answer = call(pi, "diagnostics", {"request": request})
    assert (answer.status, answer.payload) == (202, {"request": request})
    code = pi.scan()
    said = pi.journal.wait_for(request, mark, unit=AGENT, timeout=10 * pi.patience)
    assert "doctor" not in said.text  # it was made; sent or refused
    pi.site.wait_for(code)
    assert pi.machine.status_of(f"sudo test -e {STATE}/agent/diagnostics.zip")[0] != 0
    assert pi.machine.run(f"systemctl is-active {AGENT} {CAPTURE}").split() == ["active"] * 2


def test_the_bundle_that_the_agent_makes_says_what_it_lacks(at_work: Appliance) -> None:
    """The same command by the same user, whom the journal is not shown."""
    pi, bundle = at_work, f"{STATE}/agent/tried.zip"
    made = "/usr/bin/python3 -I /opt/pi-auto-client/current/app doctor"
    pi.machine.status_of(f"sudo -u pi-auto {made} --bundle={bundle}", timeout=180 * pi.machine.slow)
    told = pi.machine.run(
        f"sudo python3 -m zipfile -e {bundle} /root/tried && sudo cat /root/tried/left-out.txt; "
        f"sudo rm -rf {bundle} /root/tried"
    )
    assert told.startswith("made with the rights of the user pi-auto")
    assert "journal.txt: left out" in told
