"""Root's helper over a device's real files: only the fleet's signature raises the floor, and nothing lowers it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pi_auto.client.binding.keeping import BY_CODE, Bond, keep_bond
from pi_auto.client.binding.places import BOUND
from pi_auto.client.clockfloor.floor import EARLIEST, FILE, built, kept_floor, least_time
from pi_auto.client.clockfloor.proven import MOST_PROOF
from pi_auto.client.clockfloor.raising import PROOF_FILE, Clock, Places, floor_of, raise_clock
from pi_auto.server.trust.signatures import sign
from pi_auto.wire.signed import PROOF
from support.fleet_home import FleetHome

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
YEAR_1970 = datetime(1970, 1, 1, 0, 0, 12, tzinfo=UTC)
YEAR_2099 = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> FleetHome:
    return FleetHome(tmp_path_factory.mktemp("fleet"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> FleetHome:
    return FleetHome(tmp_path_factory.mktemp("other"))


class Device:
    """A device's files, and a clock that can be looked at."""

    def __init__(self, root: Path, fleet: FleetHome) -> None:
        self.places = Places(root, os.getuid())
        for folder in (self.places.folder, self.places.agent, self.places.card.parent):
            folder.mkdir(parents=True)
        self.now, self.synced = NOW, False
        self.belongs_to(fleet)

    @property
    def offered(self) -> Path:
        return self.places.agent / PROOF_FILE

    def belongs_to(self, fleet: FleetHome) -> None:
        self.places.card.write_text(json.dumps(fleet.card.to_json()))

    def offer(self, proof: object) -> None:
        self.offered.write_text(json.dumps(proof))

    def boot(self, says: datetime, *, synced: bool = False) -> datetime:
        """What the clock says after the helper has run; before that it `says` something else."""
        self.now, self.synced = says, synced
        raise_clock(self.places, Clock(lambda: self.now, lambda: self.synced, self._set))
        return self.now

    def floor(self) -> datetime | None:
        kept = kept_floor(self.places.folder, os.getuid())
        return kept.time if kept else None

    def _set(self, moment: datetime) -> None:
        self.now = moment


@pytest.fixture
def device(tmp_path: Path, fleet: FleetHome) -> Device:
    return Device(tmp_path / "root", fleet)


def test_a_clock_in_1970_is_raised_to_the_release_s_build(device: Device) -> None:
    assert device.boot(YEAR_1970) == built()
    assert device.floor() is None


def test_a_clock_in_1970_is_raised_to_the_latest_time_that_the_fleet_has_signed(
    device: Device, fleet: FleetHome
) -> None:
    device.offer(fleet.proof(NOW))
    assert device.boot(YEAR_1970) == NOW
    device.offered.unlink()  # the agent's folder is lost
    assert device.boot(YEAR_1970) == NOW


def test_a_time_server_s_2099_moves_no_floor(device: Device, fleet: FleetHome) -> None:
    device.offer(fleet.proof(NOW))
    device.boot(NOW)
    assert device.boot(YEAR_2099, synced=True) == YEAR_2099  # the helper raises, and only that
    assert device.floor() == NOW
    assert device.boot(YEAR_1970) == NOW


def test_a_time_server_s_1970_does_not_hold(device: Device, fleet: FleetHome) -> None:
    device.offer(fleet.proof(NOW))
    assert device.boot(YEAR_1970, synced=True) == NOW


def test_a_clock_that_is_set_is_left_alone_for_minutes_and_one_that_is_not_for_a_second(
    device: Device, fleet: FleetHome
) -> None:
    device.offer(fleet.proof(NOW))
    behind = NOW - timedelta(minutes=4)
    assert device.boot(behind, synced=True) == behind
    assert device.boot(behind) == NOW
    assert device.boot(NOW - timedelta(milliseconds=900)) == NOW - timedelta(milliseconds=900)


def test_an_old_proof_lowers_nothing(device: Device, fleet: FleetHome) -> None:
    device.offer(fleet.proof(NOW))
    device.boot(NOW)
    device.offer(fleet.proof(NOW - 30 * DAY))
    assert device.boot(YEAR_1970) == NOW
    assert device.floor() == NOW


def test_a_floor_counts_for_its_own_fleet_alone(device: Device, fleet: FleetHome, other: FleetHome) -> None:
    device.offer(fleet.proof(NOW + 300 * DAY))
    device.boot(NOW)
    assert least_time(device.places.folder, fleet.card.fleet_id, os.getuid()) == NOW + 300 * DAY
    assert least_time(device.places.folder, other.card.fleet_id, os.getuid()) == built()
    device.belongs_to(other)
    assert device.boot(YEAR_1970) == built()
    device.offer(other.proof(NOW))
    assert device.boot(YEAR_1970) == NOW


def _signed_by_another(device: Device, _fleet: FleetHome, other: FleetHome) -> None:
    device.offer(other.proof(NOW))


def _of_this_fleet_by_its_own_word(device: Device, fleet: FleetHome, other: FleetHome) -> None:
    """The fleet's id, and another's key."""
    said = {"fleet_id": fleet.fleet.fleet_id, "nonce": "n" * 43, "time": "2030-01-01T00:00:00.000Z", "names": []}
    device.offer(sign(other.fleet.authority.fleet_key, PROOF, said).to_json())


def _altered(device: Device, fleet: FleetHome, _other: FleetHome) -> None:
    proof, later = fleet.proof(NOW), fleet.proof(NOW + 300 * DAY)
    device.offer(proof | {"payload": later["payload"]})


def _of_another_kind(device: Device, fleet: FleetHome, _other: FleetHome) -> None:
    device.offer(fleet.proof(NOW) | {"payloadType": "application/vnd.pi-auto.renewal.v1+json"})


def _unsigned(device: Device, fleet: FleetHome, _other: FleetHome) -> None:
    device.offer(fleet.proof(NOW) | {"signatures": []})


def _beyond_the_authority(device: Device, fleet: FleetHome, _other: FleetHome) -> None:
    device.offer(fleet.proof(YEAR_2099))


def _oversized(device: Device, fleet: FleetHome, _other: FleetHome) -> None:
    device.offered.write_text(json.dumps(fleet.proof(NOW)) + " " * MOST_PROOF)


def _endless(device: Device, _fleet: FleetHome, _other: FleetHome) -> None:
    device.offered.symlink_to("/dev/zero")


def _a_bomb(device: Device, _fleet: FleetHome, _other: FleetHome) -> None:
    device.offered.write_text("[" * 8000)


def _a_link_to_a_good_one(device: Device, fleet: FleetHome, _other: FleetHome) -> None:
    good = device.places.root / "good.json"
    good.write_text(json.dumps(fleet.proof(NOW)))
    device.offered.symlink_to(good)


def _a_pipe(device: Device, _fleet: FleetHome, _other: FleetHome) -> None:
    os.mkfifo(device.offered)


def _a_folder(device: Device, _fleet: FleetHome, _other: FleetHome) -> None:
    device.offered.mkdir()


def _empty(device: Device, _fleet: FleetHome, _other: FleetHome) -> None:
    device.offered.write_bytes(b"")


def _a_link_in_the_place_of_the_folder(device: Device, fleet: FleetHome, _other: FleetHome) -> None:
    elsewhere = device.places.root / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / PROOF_FILE).write_text(json.dumps(fleet.proof(NOW)))
    device.places.agent.rmdir()
    device.places.agent.symlink_to(elsewhere)


Attack = Callable[[Device, FleetHome, FleetHome], None]
ATTACKS: dict[Attack, str] = {
    _signed_by_another: "it is of the fleet",
    _of_this_fleet_by_its_own_word: "signature is not the fleet's",
    _altered: "signature is not the fleet's",
    _of_another_kind: "payloadType",
    _unsigned: "signatures",
    _beyond_the_authority: "names the year 2099",
    _oversized: f"more than {MOST_PROOF} bytes",
    _endless: "cannot be opened as a file",
    _a_bomb: "nested too deeply",
    _a_link_to_a_good_one: "cannot be opened as a file",
    _a_pipe: "no plain file",
    _a_folder: "no plain file",
    _empty: "the proof",
    _a_link_in_the_place_of_the_folder: "Not a directory",
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__.strip("_"))
def test_what_the_agent_hands_over_is_believed_for_the_fleet_s_signature_alone(
    device: Device, fleet: FleetHome, other: FleetHome, attack: Attack, caplog: pytest.LogCaptureFixture
) -> None:
    attack(device, fleet, other)
    assert device.boot(YEAR_1970) == built()
    assert device.floor() is None
    (said,) = [record.getMessage() for record in caplog.records if "not believed" in record.getMessage()]
    assert ATTACKS[attack] in said


def test_a_card_that_others_could_have_written_is_not_believed(
    device: Device, fleet: FleetHome, caplog: pytest.LogCaptureFixture
) -> None:
    device.offer(fleet.proof(NOW))
    device.places.card.chmod(0o666)
    assert device.boot(YEAR_1970) == built()
    assert "others than root can write it" in caplog.text


def test_a_device_without_a_card_starts_from_its_release_s_build(device: Device, fleet: FleetHome) -> None:
    device.offer(fleet.proof(NOW))
    device.places.card.unlink()
    assert device.boot(YEAR_1970) == built()


@pytest.mark.parametrize("damage", [b"", b"{", b'{"time": "soon"}', b"\xff" * 100, b" " * 5000])
def test_a_damaged_floor_is_made_anew_by_the_next_proof(device: Device, fleet: FleetHome, damage: bytes) -> None:
    (device.places.folder / FILE).write_bytes(damage)
    assert device.boot(YEAR_1970) == built()
    device.offer(fleet.proof(NOW))
    assert device.boot(YEAR_1970) == NOW
    assert device.floor() == NOW


def test_what_a_power_cut_leaves_of_a_floor_is_the_old_or_the_new(device: Device, fleet: FleetHome) -> None:
    device.offer(fleet.proof(NOW - DAY))
    device.boot(NOW)
    (device.places.folder / f".{FILE}.0badcafe.tmp").write_text('{"time": "20')  # cut while the next was written
    assert device.boot(YEAR_1970) == NOW - DAY


def test_a_floor_that_cannot_be_kept_holds_for_this_boot(device: Device, fleet: FleetHome) -> None:
    device.offer(fleet.proof(NOW))
    device.places.folder.rmdir()
    assert device.boot(YEAR_1970) == NOW


def test_the_release_tells_when_it_was_built(tmp_path: Path) -> None:
    later = EARLIEST + 100 * DAY
    (tmp_path / "built").write_text(f"{later.timestamp():.0f}\n")
    assert built(tmp_path / "built") == later
    (tmp_path / "built").write_text("1704067200\n")  # by a commit without a time
    assert built(tmp_path / "built") == EARLIEST
    assert built(tmp_path / "none") == EARLIEST


def test_nothing_new_asks_no_openssl(
    device: Device, fleet: FleetHome, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    device.offer(fleet.proof(NOW))
    device.boot(NOW)
    monkeypatch.setenv("PATH", str(tmp_path))  # there is none
    assert floor_of(device.places) == NOW


def bound(device: Device, fleet: FleetHome) -> None:
    """The device has got its card by a code: it lies where the agent can write."""
    device.places.card.unlink(missing_ok=True)
    (device.places.agent / BOUND).unlink(missing_ok=True)
    keep_bond(device.places.agent, Bond(fleet.card, BY_CODE, NOW, "192.0.2.7:5443"))


def test_a_card_that_came_by_a_code_counts_and_the_first_one_is_pinned(
    device: Device, fleet: FleetHome, other: FleetHome
) -> None:
    bound(device, fleet)
    device.offer(fleet.proof(NOW))
    assert device.boot(YEAR_1970) == NOW
    bound(device, other)  # an agent gone wild names another fleet
    device.offer(other.proof(NOW + DAY))
    assert device.boot(YEAR_1970) == NOW
    assert device.floor() == NOW


def test_a_card_that_was_installed_goes_before_the_one_that_came_by_a_code(
    device: Device, fleet: FleetHome, other: FleetHome
) -> None:
    bound(device, other)
    device.belongs_to(fleet)
    device.offer(other.proof(NOW))
    assert device.boot(YEAR_1970) == built()
    device.offer(fleet.proof(NOW))
    assert device.boot(YEAR_1970) == NOW


@pytest.mark.parametrize("planted", ["nonsense", "[]", '{"by": "code"}'])
def test_a_damaged_card_of_the_agent_s_is_none(device: Device, fleet: FleetHome, planted: str) -> None:
    device.places.card.unlink()
    (device.places.agent / BOUND).write_text(planted)
    device.offer(fleet.proof(NOW))
    assert device.boot(YEAR_1970) == built()
