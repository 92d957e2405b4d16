"""One update fetched from a real server, good and bad: what lies ready afterwards, or why nothing does."""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pi_auto.client.agent.backoff import Backoff
from pi_auto.client.agent.errors import ApiError, Garbled, Refused, Throttled, Unauthorized, Unreachable
from pi_auto.client.agent.update import channel, download, fetcher
from pi_auto.client.agent.update.fetcher import Fetch
from pi_auto.client.agent.update.job import DOWNLOADING, READY, VERIFIED, Job, News
from pi_auto.client.agent.update.trouble import NoRoom, Wrong
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.keys import PublicKey
from pi_auto.wire.release import MOST_ROOTS
from pi_auto.wire.server_address import ServerAddress
from pi_auto.wire.update import Offer
from support.signed_fleet import DOWNLOAD, METADATA, Fault, Handler, SignedFleet, cut_after, drip, status

# SEC 2, section 2.4.2: a key that everybody knows the private half of.
BASE_POINT = bytes.fromhex(
    "3059301306072a8648ce3d020106082a8648ce3d030107034200046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0"
    "f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
ARCHIVE = random.Random(7).randbytes(700_000)


@pytest.fixture
def fleet() -> Iterator[SignedFleet]:
    with SignedFleet() as started:
        yield started


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries are not waited for, and trickles not for long."""
    monkeypatch.setattr(Backoff, "next", lambda *_: 0.0)
    monkeypatch.setattr(channel, "PATIENCE", 1.5)
    monkeypatch.setattr(channel.Channel.__init__, "__defaults__", (None, 1.5, None))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "agent" / "update"


@pytest.fixture
def job(folder: Path, fleet: SignedFleet) -> Job:
    offer = fleet.release("0.2.0", ARCHIVE)
    return Job(folder, fleet.endpoint, fleet.trusted, "a-token", offer)


def fetch(job: Job, running: Path = Path("/nowhere")) -> list[News]:
    told: list[News] = []
    Fetch(job, told.append, running).run()
    return told


def offer_of(job: Job) -> Offer:
    assert job.offer
    return job.offer


def test_a_release_that_is_signed_lies_ready_with_all_that_root_needs_to_verify_it(
    job: Job, folder: Path, fleet: SignedFleet
) -> None:
    told = fetch(job)
    ready = folder / "ready"
    assert (ready / "archive").read_bytes() == ARCHIVE
    assert json.loads((ready / "request.json").read_bytes()) == {
        "target": "client/0.2.0/pi_auto_client.py", "update_id": offer_of(job).update_id, "version": "0.2.0",
    }  # fmt: skip
    assert {path.name: path.read_bytes() for path in (ready / "metadata").iterdir()} == {
        "timestamp.json": fleet.files["timestamp.json"],
        "snapshot.json": fleet.files["2.snapshot.json"], "targets.json": fleet.files["2.targets.json"],
    }  # fmt: skip
    steps = [news.step for news in told]
    assert steps[0] == DOWNLOADING
    assert steps[-2:] == [VERIFIED, READY]
    assert {path.name for path in folder.iterdir()} == {"ready", "metadata", "fetch.lock"}
    assert set(fleet.tokens) == {"Bearer a-token"}


def test_a_device_that_was_off_while_all_keys_changed_takes_the_release(
    job: Job, folder: Path, fleet: SignedFleet
) -> None:
    fleet.rotate("targets")
    fleet.rotate("root")
    fleet.rotate("timestamp")
    offer = fleet.release("0.3.0", ARCHIVE[::-1], 3)
    fetch(replace(job, offer=offer))
    names = {path.name for path in (folder / "ready" / "metadata").glob("*.root.json")}
    assert names == {"2.root.json", "3.root.json", "4.root.json"}


def tampered_timestamp(fleet: SignedFleet) -> None:
    fleet.files["timestamp.json"] = fleet.files["timestamp.json"].replace(b'"version":2', b'"version":9')


def expired(fleet: SignedFleet) -> None:
    fleet.lasts = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    fleet.publish("timestamp")


def truncated(fleet: SignedFleet) -> None:
    fleet.files["2.targets.json"] = fleet.files["2.targets.json"][:-100]


def mixed(fleet: SignedFleet) -> None:
    """The targets of another day under today's snapshot."""
    fleet.files["2.targets.json"] = fleet.files["1.targets.json"]


def swapped(fleet: SignedFleet) -> None:
    fleet.files["2.snapshot.json"] = fleet.files["2.targets.json"]


def a_strangers(fleet: SignedFleet) -> None:
    with SignedFleet() as stranger:
        stranger.release("0.2.0", ARCHIVE)
        fleet.files.update({name: text for name, text in stranger.files.items() if "root" not in name})


def over_long(fleet: SignedFleet) -> None:
    fleet.files["timestamp.json"] += b" " * 600_000


def nonsense(fleet: SignedFleet) -> None:
    fleet.files["timestamp.json"] = b"[" * 100_000


def unsigned(fleet: SignedFleet) -> None:
    fleet.files["2.targets.json"] = b'{"signatures": [],' + fleet.files["2.targets.json"].split(b"],", 1)[1]


def withdrawn(fleet: SignedFleet) -> None:
    fleet.targets.targets.clear()
    fleet.bump()


def without_a_word(fleet: SignedFleet) -> None:
    next(iter(fleet.targets.targets.values())).unrecognized_fields.clear()
    fleet.bump()


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (tampered_timestamp, "not to be believed"), (expired, "expired"), (truncated, "not to be believed"),
        (mixed, "not to be believed"), (swapped, "not to be believed"), (a_strangers, "not to be believed"),
        (over_long, "maximum allowed length"), (nonsense, "not to be believed"),
        (unsigned, "not to be believed"), (withdrawn, "nobody has signed"),
        (without_a_word, "packages is missing"),
    ],
)  # fmt: skip
def test_metadata_that_are_not_to_be_believed_end_it_with_the_reason(
    job: Job, folder: Path, fleet: SignedFleet, plant: Callable[[SignedFleet], None], said: str
) -> None:
    plant(fleet)
    with pytest.raises(Wrong, match=said):
        fetch(job)
    assert not (folder / "ready").exists()
    assert fleet.count(DOWNLOAD) == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"update_size": 699_999}, {"file_hash": "0" * 64}, {"update_id": "0" * 64},
        {"latest_version": "0.9.9"}, {"counter": 77},
    ],
)  # fmt: skip
def test_a_server_that_lies_about_what_is_signed_is_not_followed(
    job: Job, folder: Path, fleet: SignedFleet, changed: dict[str, object]
) -> None:
    with pytest.raises(Wrong, match="and signed is"):
        fetch(replace(job, offer=replace(offer_of(job), **changed)))  # type: ignore[arg-type]
    assert fleet.count(DOWNLOAD) == 0
    assert not (folder / "ready").exists()


@pytest.mark.parametrize("held", [0, 300_000])
@pytest.mark.parametrize(
    ("served", "said"),
    [
        (ARCHIVE[:-1] + bytes([ARCHIVE[-1] ^ 1]), "is not what is signed"),
        (ARCHIVE + b"more", "bytes where 700000 are signed"),
        (ARCHIVE[:-1], "bytes where 700000 are signed"),
    ],
)
def test_an_archive_that_is_not_the_signed_one_is_thrown_away(
    job: Job, folder: Path, fleet: SignedFleet, served: bytes, said: str, held: int
) -> None:
    folder.mkdir(parents=True)
    if held:
        (folder / f"{offer_of(job).update_id}.part").write_bytes(ARCHIVE[:held])
    fleet.archives[offer_of(job).update_id] = served
    with pytest.raises(Wrong, match=said):
        fetch(job)
    assert {path.name for path in folder.iterdir()} == {"metadata", "fetch.lock"}


def test_more_bytes_than_are_signed_are_never_read(job: Job, fleet: SignedFleet) -> None:
    def endless(handler: object, _: bytes) -> None:
        handler.send_response(200)  # type: ignore[attr-defined]
        handler.end_headers()  # type: ignore[attr-defined]
        handler.close_connection = True  # type: ignore[attr-defined]
        try:
            while True:
                handler.wfile.write(bytes(65536))  # type: ignore[attr-defined]
                fleet.sent += 65536
        except OSError:
            pass

    fleet.faults[DOWNLOAD] = endless
    with pytest.raises(Wrong, match="more than the 700000 bytes"):
        fetch(job)
    assert fleet.sent < 20_000_000


def test_what_was_kept_of_a_download_is_not_fetched_again(job: Job, folder: Path, fleet: SignedFleet) -> None:
    folder.mkdir(parents=True)
    (folder / f"{offer_of(job).update_id}.part").write_bytes(ARCHIVE[:650_000])
    fetch(job)
    assert fleet.asked[-1] == (DOWNLOAD, "bytes=650000-")
    assert (folder / "ready" / "archive").read_bytes() == ARCHIVE


@pytest.mark.parametrize("kept", [b"another file's beginning" * 10_000, ARCHIVE + b"and more", b""])
def test_what_was_kept_and_is_wrong_costs_one_more_download_and_nothing_else(
    job: Job, folder: Path, kept: bytes
) -> None:
    folder.mkdir(parents=True)
    (folder / f"{offer_of(job).update_id}.part").write_bytes(kept)
    (folder / f"{'1' * 64}.part").write_bytes(b"of a release that is not wanted any more")
    fetch(job)
    assert (folder / "ready" / "archive").read_bytes() == ARCHIVE
    assert {path.name for path in folder.iterdir()} == {"ready", "metadata", "fetch.lock"}


def test_a_connection_that_breaks_again_and_again_still_brings_it(
    job: Job, folder: Path, fleet: SignedFleet
) -> None:
    fleet.ranges = False  # so that it is not put together
    fleet.faults[DOWNLOAD] = cut_after(270_000)
    fetch(job)
    assert (folder / "ready" / "archive").read_bytes() == ARCHIVE


def of_no_number(handler: Handler, content: bytes) -> None:
    """A part, of which it says with thousands of digits where it begins."""
    handler.say(206, content[:10], Content_Range=f"bytes {'9' * 5000}-{'9' * 5000}/{len(content)}")


def test_an_answer_that_says_with_endless_digits_which_part_it_is_may_be_better_later(
    job: Job, folder: Path, fleet: SignedFleet
) -> None:
    fleet.faults[DOWNLOAD] = of_no_number
    with pytest.raises(Garbled):  # and is no reason to refuse the release for good
        fetch(job)
    assert not (folder / "ready").exists()


@pytest.mark.parametrize("path", [f"{METADATA}timestamp.json", DOWNLOAD])
@pytest.mark.parametrize(
    ("fault", "kind", "asked"),
    [
        (status(404), Refused, 1), (status(403), Refused, 1), (status(401), Unauthorized, 1),
        (status(500), Unreachable, 5), (status(503), Throttled, 5), (status(429, Retry_After="900"), Throttled, 1),
        (status(302, Location="http://127.0.0.1:1/"), ApiError, 5),
    ],
)  # fmt: skip
def test_a_server_that_does_not_give_it_is_asked_no_more_than_makes_sense(
    job: Job, folder: Path, fleet: SignedFleet, path: str, fault: Fault, kind: type[ApiError], asked: int
) -> None:
    fleet.faults[path] = fault
    with pytest.raises(kind) as raised:
        fetch(job)
    # An archive is first asked for in parts, and never as a whole after a refusal.
    assert fleet.count(path) <= asked
    assert not (folder / "ready").exists()
    if kind is Throttled and asked == 1:
        assert raised.value.retry_after == 900.0


@pytest.mark.parametrize("path", [f"{METADATA}timestamp.json", f"{METADATA}2.targets.json"])
def test_one_byte_a_second_is_no_answer(job: Job, fleet: SignedFleet, path: str) -> None:
    fleet.faults[path] = drip
    with pytest.raises(Unreachable, match=r"too long|timed out"):
        fetch(job)


def test_an_archive_of_one_byte_a_second_is_given_up_until_the_next_round_and_what_came_is_kept(
    job: Job, folder: Path, fleet: SignedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_TRIES", 2)
    fleet.faults[DOWNLOAD] = drip
    with pytest.raises(Unreachable, match=r"too long|timed out"):
        fetch(job)
    assert not (folder / "ready").exists()


def test_without_room_nothing_is_fetched_and_the_reason_has_numbers(
    job: Job, fleet: SignedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetcher, "_RESERVE", 10**18)
    with pytest.raises(NoRoom, match=r"^not now: the disk has \d+ MiB free, and an update needs"):
        fetch(job)
    assert fleet.count(DOWNLOAD) == 0


@pytest.mark.parametrize("left", [".ready.new", ".ready.old"])
def test_what_a_power_cut_has_left_of_a_hand_over_gives_its_room_back_first(
    job: Job, folder: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    """Else a small disk would have too little room for any update ever after."""
    (folder / left / "metadata").mkdir(parents=True)
    (folder / left / "archive").write_bytes(ARCHIVE)
    monkeypatch.setattr(fetcher, "_RESERVE", 2**60)
    with pytest.raises(NoRoom):
        fetch(job)
    assert not (folder / left).exists()


def test_a_disk_that_fills_up_meanwhile_ends_it_and_a_later_round_goes_on(
    job: Job, folder: Path, fleet: SignedFleet
) -> None:
    fleet.ranges = False
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        with pytest.raises((NoRoom, OSError)):
            fetch(job)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (folder / "ready").exists()
    fleet.ranges = True
    fetch(job)
    assert (folder / "ready" / "archive").read_bytes() == ARCHIVE


def test_metadata_of_the_past_are_refused_once_newer_ones_were_seen(job: Job, fleet: SignedFleet) -> None:
    old = dict(fleet.files)
    fetch(job)
    fleet.release("0.3.0", ARCHIVE[::-1], 3)
    newest = fleet.files["timestamp.json"]
    fetch(replace(job, offer=fleet.release("0.3.0", ARCHIVE[::-1], 3)))
    assert newest != old["timestamp.json"]
    fleet.files.update(old)
    with pytest.raises(Wrong, match="not to be believed"):
        fetch(job)


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"nonsense"])
def test_metadata_that_a_power_cut_has_spoiled_are_made_anew(job: Job, folder: Path, content: bytes) -> None:
    fetch(job)
    for file in (folder / "metadata").rglob("*.json"):
        file.write_bytes(content)
    fetch(job)
    assert (folder / "ready" / "archive").read_bytes() == ARCHIVE


def test_a_root_that_is_none_is_named(job: Job) -> None:
    with pytest.raises(Wrong, match="update root of this device is no root"):
        fetch(replace(job, root="{}"))


def test_a_second_release_takes_the_place_of_one_that_nobody_has_fetched(
    job: Job, folder: Path, fleet: SignedFleet
) -> None:
    fetch(job)
    newer = fleet.release("0.3.0", b"newer" * 1000, 3)
    fetch(replace(job, offer=newer))
    assert (folder / "ready" / "archive").read_bytes() == b"newer" * 1000
    assert json.loads((folder / "ready" / "request.json").read_bytes())["version"] == "0.3.0"


def test_a_link_in_the_place_of_what_is_fetched_is_not_written_through(
    job: Job, folder: Path, tmp_path: Path
) -> None:
    folder.mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"precious")
    (folder / f"{offer_of(job).update_id}.part").symlink_to(elsewhere)
    with pytest.raises(OSError, match=r"symbolic|links"):
        fetch(job)
    assert elsewhere.read_bytes() == b"precious"


def test_the_limit_of_bandwidth_is_kept() -> None:
    slept: list[float] = []
    pace = channel.Pace(100_000, slept.append)
    for _ in range(10):
        pace.spend(16_384)
    assert 1.2 < max(slept) < 2.0


def test_the_authority_is_handed_over_when_it_says_something_new(
    job: Job, folder: Path, fleet: SignedFleet
) -> None:
    der = b64encode(b"\x30\x03\x02\x01\x00").decode()
    ca = f"-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n"
    key = PublicKey(BASE_POINT)
    servers = (ServerAddress("fleet.example", 443),)
    card = FleetCard("abcdefghijkl", ca, key, servers).to_json()
    update_id = fleet.authority(card)
    job = replace(job, offer=None, authority=update_id)
    told = fetch(replace(job, card=card))
    assert told[-1].step == VERIFIED, "it says what is known"
    assert not (folder / "ready").exists()
    told = fetch(replace(job, card=card | {"servers": []}))
    assert told[-1].step == READY
    assert json.loads((folder / "ready" / "request.json").read_bytes())["update_id"] == update_id


def test_a_device_that_was_off_for_years_hands_over_the_roots_that_the_switcher_lacks(
    job: Job, folder: Path, fleet: SignedFleet
) -> None:
    for number in range(MOST_ROOTS + 10):
        fleet.rotate("root" if number % 8 == 0 else "targets")
    fleet.bump()

    def handed(believed: int) -> list[int]:
        told = fetch(replace(job, believed=believed))
        assert told[-1].step == READY, told
        names = (file.name.split(".") for file in (folder / "ready" / "metadata").iterdir())
        return sorted(int(name[0]) for name in names if name[1] == "root")

    newest = MOST_ROOTS + 11
    assert handed(0) == list(range(2, MOST_ROOTS + 2))
    assert handed(MOST_ROOTS + 1) == list(range(MOST_ROOTS + 2, newest + 1))
    assert handed(newest) == []
    assert handed(newest + 90) == list(range(2, MOST_ROOTS + 2)), "that was another fleet's"


def test_what_is_handed_over_is_for_the_group_to_read_and_not_for_everybody(job: Job, folder: Path) -> None:
    old = os.umask(0o007)
    try:
        fetch(job)
    finally:
        os.umask(old)
    assert hashlib.sha256((folder / "ready" / "archive").read_bytes()).hexdigest() == offer_of(job).update_id
    assert (folder / "ready" / "archive").stat().st_mode & 0o007 == 0
