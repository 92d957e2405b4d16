"""A device that was off for years follows every root since its card's, some at a time."""

from __future__ import annotations

import json

from pi_auto.wire.release import MOST_ROOTS, Release
from support.update_box import UpdateBox, release

GOOD = release("2.0.0", etc__unit="new\n")


def window(box: UpdateBox) -> dict[str, bytes]:
    """What the agent hands over to a switcher that has told which root it believes."""
    told = box.site.told / "root.json"
    believed = json.loads(told.read_text())["version"] if told.exists() else 1
    files = box.fleet.files()
    roots = [f"{version}.root.json" for version in range(believed + 1, len(box.fleet.roots) + 1)]
    return {name: files[name] for name in [*roots[:MOST_ROOTS], "timestamp.json", "snapshot.json", "targets.json"]}


def test_more_rotations_than_are_followed_at_once_are_followed_in_rounds(box: UpdateBox) -> None:
    for _ in range(2 * MOST_ROOTS + 10):
        box.fleet.rotate_root()
    about = Release("2.0.0", 2, unpacked=100_000, built=1)
    digest = box.fleet.publish(about.target, GOOD, about.to_json())
    believed = []
    for _ in range(3):
        box.hand_over(GOOD, window(box), about.target, digest)
        box.update()
        believed.append(json.loads((box.site.told / "root.json").read_text())["version"])
    assert believed == [1 + MOST_ROOTS, 1 + 2 * MOST_ROOTS, 1 + 2 * MOST_ROOTS + 10]
    assert box.steps() == ["refused", "refused", "verified", "trial", "committed"]
    assert all(why.startswith("not now: ") for _, why in box.told()[:2]), "so that it is handed over again"
    assert box.version == "2.0.0"


def test_one_more_than_may_be_handed_over_is_refused_and_nothing_is_forgotten(box: UpdateBox) -> None:
    for _ in range(MOST_ROOTS + 1):
        box.fleet.rotate_root()
    about = Release("2.0.0", 2, unpacked=100_000, built=1)
    digest = box.fleet.publish(about.target, GOOD, about.to_json())
    box.hand_over(GOOD, box.fleet.files(), about.target, digest)
    box.update()
    assert f"allowed: {MOST_ROOTS + 3}" in box.told()[-1][1]
    assert box.version == "1.0.0"
