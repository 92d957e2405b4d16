"""A board on which systemd reads its units for longer than the hardware watchdog waits: it is reset by that.

At the next boot the files are in their places and have been read: it must not do it again, for ever.
"""

from __future__ import annotations

import pytest

from support.update_box import FileServices, UpdateBox, release

SLOW = release("2.0.0", {"agent": "hang"}, etc__unit="new\n", etc__added="added\n")


class Reset(BaseException):
    """Nothing of what runs goes on after it."""


class SlowBoard(FileServices):
    """It is reset each time that systemd reads its units."""

    def reload(self) -> None:
        """See Systemd."""
        raise Reset


@pytest.fixture
def slow(box: UpdateBox) -> UpdateBox:
    """A device that is such a board."""
    box.services = SlowBoard(box.root)
    box.site = box.switcher()
    return box


def test_a_switch_is_finished_by_the_boot_after_a_reset(slow: UpdateBox) -> None:
    slow.offer(SLOW)
    with pytest.raises(Reset):
        slow.update()
    slow.boot()
    assert (slow.version, slow.system("etc/unit")) == ("2.0.0", "new\n")
    assert slow.trial()["started"]


def test_going_back_at_a_boot_is_finished_by_the_next_one(slow: UpdateBox) -> None:
    slow.offer(SLOW)
    with pytest.raises(Reset):
        slow.update()
    for _ in range(2):
        slow.boot()
    with pytest.raises(Reset):
        slow.boot()
    slow.boot()
    assert (slow.version, slow.system("etc/unit"), slow.system("etc/added")) == ("1.0.0", "former\n", None)
    assert slow.steps()[-1] == "rolled_back"
    assert slow.leftovers() == []


def test_going_back_without_a_boot_is_finished_by_the_boot_after_a_reset(slow: UpdateBox) -> None:
    slow.offer(SLOW)
    with pytest.raises(Reset):
        slow.update()
    slow.boot()
    with pytest.raises(Reset):
        slow.update()
    slow.boot()
    assert (slow.version, slow.system("etc/unit")) == ("1.0.0", "former\n")
    assert slow.steps()[-1] == "rolled_back"
