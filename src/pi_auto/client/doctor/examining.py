"""All checks, in the order in which a person would look, begun at once and told one after the other.

Each works aside, so that addresses which hang cost their time once and not in turn. One that
fails or never ends is a finding like any other: nothing is known, and why.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pi_auto.client.doctor.checks import (
    card,
    clock,
    disk,
    hub,
    installation,
    names,
    network,
    permissions,
    queue,
    registration,
    rfkill,
    scanner,
    server,
    services,
    settings,
    signals,
    temperature,
    undervoltage,
    update,
    watchdog,
)
from pi_auto.client.doctor.findings import SUDO, Finding, Verdict, unchecked
from pi_auto.client.doctor.patience import Aside
from pi_auto.client.doctor.patient import Patient

LONGEST = 25.0  # seconds for all of them together


@dataclass(frozen=True, slots=True)
class Check:
    """A check and its name."""

    name: str
    look: Callable[[Patient], Verdict]


CHECKS = (
    Check("installation", installation.look),
    Check("services", services.look),
    Check("settings", settings.look),
    Check("card", card.look),
    Check("network", network.look),
    Check("rfkill", rfkill.look),
    Check("names", names.look),
    Check("server", server.look),
    Check("registration", registration.look),
    Check("hub", hub.look),
    Check("scanner", scanner.look),
    Check("permissions", permissions.look),
    Check("signals", signals.look),
    Check("queue", queue.look),
    Check("update", update.look),
    Check("disk", disk.look),
    Check("clock", clock.look),
    Check("undervoltage", undervoltage.look),
    Check("temperature", temperature.look),
    Check("watchdog", watchdog.look),
)


def examine(patient: Patient, checks: Sequence[Check] = CHECKS, longest: float = LONGEST) -> Iterator[Finding]:
    """The findings in order, each as soon as it is known; all of them within `longest` seconds."""
    deadline = time.monotonic() + longest
    begun = [(check.name, Aside(lambda check=check: check.look(patient))) for check in checks]  # type: ignore[misc]
    for name, work in begun:
        yield Finding.of(name, _outcome(work, deadline, longest))


def _outcome(work: Aside[Verdict], deadline: float, longest: float) -> Verdict:
    try:
        return work.result(deadline)
    except PermissionError as error:
        return unchecked(_told(error), SUDO)
    except TimeoutError:
        return unchecked(f"no answer within {longest:.0f} s", "see the lines about network and names")
    except OSError as error:
        return unchecked(_told(error))
    except Exception as error:  # noqa: BLE001 - one check that has a fault must not hide what the others found
        return unchecked(str(error) or repr(error))


def _told(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)
