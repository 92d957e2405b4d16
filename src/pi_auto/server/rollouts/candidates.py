"""What a decision about a device rests on: what may be offered to it, and what is known of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pi_auto.server.rollouts.stages import Device, Stage, stage_of
from pi_auto.server.rollouts.steps import Attempt
from pi_auto.server.rollouts.windows import Window


class State(StrEnum):
    """What a roll-out is in."""

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    ABORTED = "aborted"
    COMPLETED = "completed"  # its last stage is through; whoever was away still gets the release


OFFERING = (State.RUNNING, State.COMPLETED)


@dataclass(frozen=True, slots=True)
class Target:
    """A release as it may be offered. `least` is the counter of the oldest one from which it may be taken."""

    counter: int
    version: str
    withdrawn: bool = False
    least: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A roll-out before one device: what it offers, how far it is, and what the device has made of it."""

    rollout: int
    target: Target
    state: State
    stages: tuple[Stage, ...]
    stage: int
    stage_at: datetime | None
    device: Device
    attempts: int = 2
    attempt: Attempt | None = None
    urgent: bool = False

    @property
    def reaches(self) -> int | None:
        """The stage in which it reaches the device, if ever."""
        return stage_of(self.stages, self.device)


@dataclass(frozen=True, slots=True)
class Pinned:
    """A device is to run just this release."""

    target: Target
    attempt: Attempt | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a decision about a device rests on. `counter` of what it runs, 0 where that is no release of ours.

    `highest` is the highest that it has committed, `floor` what it tells itself that it is at, `phase` from 0 to 1
    is its own, so that not all come at once.
    """

    version: str
    counter: int = 0
    highest: int = 0
    floor: int = 0
    pin: Pinned | None = None
    candidates: tuple[Candidate, ...] = ()
    window: Window | None = None
    phase: float = 0.0

    @property
    def at(self) -> int:
        """The counter that the device is at, as it reckons itself before it takes anything."""
        return max(self.counter, self.highest, self.floor)
