from __future__ import annotations

import gc
import hashlib
import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_auto.server.api.errors import Crowded
from pi_auto.server.fleet.tokens import issue_token
from pi_auto.server.releases.ranges import NotSatisfiable, wanted
from pi_auto.server.releases.seats import DAY, MOST_EACH, Downloads, Quota, Seats
from pi_auto.server.releases.sending import PIECE, Sending
from pi_auto.wire.release import Release
from support.release_office import Office, open_office
from support.rollout import Fleet
from support.waiting import wait_until

BIG = bytes(range(256)) * 1000


@pytest.fixture
def release(office: Office) -> Release:
    made = office.made.release("2.1.0", {"big": BIG})
    office.publish()
    return made


@pytest.mark.parametrize(
    "name",
    [
        "root.json",
        "0.root.json",
        "1.root.json.bak",
        "..%2Flock",
        "1.mirrors.json",
        "00000001",
        "2.root.json",
        "x" * 300,
    ],
)
def test_no_other_file_is_served_as_metadata(office: Office, release: Release, name: str) -> None:
    answer = office.api.get(f"/api/ota/metadata/{name}")
    assert answer.status_code == 404, release
    assert answer.is_json


def test_metadata_are_served_as_they_were_signed_and_kept_but_for_the_timestamp(
    office: Office, release: Release
) -> None:
    answer = office.api.get("/api/ota/metadata/1.root.json")
    assert answer.data == office.made.desk.roots()[0], release
    assert "immutable" in answer.headers["Cache-Control"]
    stamp = office.api.get("/api/ota/metadata/timestamp.json")
    assert stamp.headers["Cache-Control"] == "private, no-cache"
    again = office.api.client.get(
        "/api/ota/metadata/timestamp.json", headers={"If-None-Match": stamp.headers["ETag"]}
    )
    assert (again.status_code, again.data) == (304, b"")


def test_an_archive_comes_whole_with_its_hash_as_etag(office: Office, release: Release) -> None:
    update_id = office.made.update_id(release)
    answer = office.fetch(update_id)
    assert hashlib.sha256(answer.data).hexdigest() == update_id
    assert answer.headers["ETag"] == f'"{update_id}"'
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    assert office.fetch(update_id, **{"If-None-Match": f'"{update_id}"'}).status_code == 304
    head = office.api.client.head(f"/api/ota/download_update?update_id={update_id}")
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(answer.data)))


@pytest.mark.parametrize(
    ("asked", "start", "stop"), [("bytes=10-19", 10, 20), ("bytes=-7", -7, None), ("bytes=5-", 5, None)]
)
def test_a_part_of_an_archive_comes_alone(
    office: Office, release: Release, asked: str, start: int, stop: int
) -> None:
    whole = office.made.archive_of(release).read_bytes()
    answer = office.fetch(office.made.update_id(release), Range=asked)
    assert (answer.status_code, answer.data) == (206, whole[start:stop])
    first = start % len(whole)
    assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(answer.data) - 1}/{len(whole)}"


def test_several_parts_come_in_one_answer(office: Office, release: Release) -> None:
    whole = office.made.archive_of(release).read_bytes()
    answer = office.fetch(office.made.update_id(release), Range="bytes=0-9, 100-199,70000-")
    assert answer.status_code == 206
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    told = message_from_bytes(f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode() + answer.data)
    parts = [part.get_payload(decode=True) for part in told.walk() if not part.is_multipart()]
    ranges = [part["Content-Range"] for part in told.walk() if not part.is_multipart()]
    size = len(whole)
    assert ranges == [f"bytes 0-9/{size}", f"bytes 100-199/{size}", f"bytes 70000-{size - 1}/{size}"]
    assert [len(part) for part in parts if isinstance(part, bytes)] == [10, 100, size - 70000]
    assert whole[100:200] in answer.data


def test_a_part_of_another_archive_is_never_mixed_in(office: Office, release: Release) -> None:
    update_id = office.made.update_id(release)
    assert office.fetch(update_id, Range="bytes=0-9", **{"If-Range": f'"{update_id}"'}).status_code == 206
    assert office.fetch(update_id, Range="bytes=0-9", **{"If-Range": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    "asked", ["bytes=99999999-", "bytes=-0", "bytes=5-9,0-4", "bytes=0-9,5-19", "bytes=" + "0-0," * 200]
)
def test_ranges_that_no_client_needs_are_refused(office: Office, release: Release, asked: str) -> None:
    answer = office.fetch(office.made.update_id(release), Range=asked)
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{office.made.archive_of(release).stat().st_size}"


@pytest.mark.parametrize("asked", ["", "bytes", "items=0-1", "bytes=x-1", "bytes=1"])
def test_a_range_that_is_none_counts_as_none(office: Office, release: Release, asked: str) -> None:
    assert office.fetch(office.made.update_id(release), Range=asked).status_code == 200


def test_a_withdrawn_release_and_an_unknown_one_are_not_served(office: Office, release: Release) -> None:
    office.ask("release withdraw", version="2.1.0")
    assert office.fetch(office.made.update_id(release)).status_code == 410
    assert office.fetch("0" * 64).status_code == 404
    assert office.fetch("../books.sqlite").status_code == 404


def test_the_authority_is_served_by_its_hash(office: Office) -> None:
    assert office.api.context.fleet
    octets = json.dumps(office.api.context.fleet.card((), update_root=office.made.root).to_json()).encode()
    office.made.authority(octets)
    office.publish()
    answer = office.fetch(hashlib.sha256(octets).hexdigest())
    assert (answer.status_code, answer.data) == (200, octets)


def test_one_device_has_few_seats_and_gets_them_back() -> None:
    seats = Seats(most=3, each=MOST_EACH)
    assert [seats.take("pi-1") for _ in range(3)] == [True, True, False]
    assert [seats.take("pi-2"), seats.take("pi-3")] == [True, False]
    assert seats.are_full
    seats.leave("pi-1")
    assert [seats.are_full, seats.take("pi-3")] == [False, True]


def test_a_crowd_is_looked_up_in_turn_and_what_is_too_much_comes_again() -> None:
    """Each stays at the desk until all have come."""
    downloads, done = Downloads(), threading.Event()
    told: Counter[str] = Counter()
    at_the_desk: list[int] = []

    def come(_: int) -> None:
        try:
            with downloads.looking_up():
                at_the_desk.append(1)
                done.wait(10)
                at_the_desk.pop()
                told["in"] += 1
        except Crowded:
            told["later"] += 1

    with ThreadPoolExecutor(100) as threads:
        crowd = [threads.submit(come, number) for number in range(100)]
        wait_until(lambda: told["later"] == 52, 10, "those who are too many")
        assert len(at_the_desk) == 4
        done.set()
        for one in crowd:
            one.result(10)
    assert told == {"in": 48, "later": 52}


def test_what_was_not_sent_is_told_once_however_it_ends(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BIG)
    unsent: list[int] = []
    begun = Sending(tmp_path / "file", [(0, len(BIG))], unsent.append)
    assert len(next(begun)) == PIECE
    begun.close()
    begun.close()
    assert unsent == [len(BIG) - PIECE]
    assert b"".join(Sending(tmp_path / "file", [b"-", (1, 3)], unsent.append)) == b"-\x01\x02"
    del begun
    Sending(tmp_path / "file", [(0, 9)], unsent.append)
    gc.collect()
    assert unsent == [len(BIG) - PIECE, 0, 9], "one that nobody began to send as well"


def test_a_day_gives_so_many_archives_and_gives_them_back_evenly() -> None:
    clock = Clock()
    quota = Quota(10, clock)
    for _ in range(10):
        assert quota.wait("pi-1") == 0
        quota.spend("pi-1", 1.0)
    assert quota.wait("pi-1") == pytest.approx(DAY / 10)
    assert quota.wait("pi-2") == 0
    clock.now += DAY / 20
    assert quota.wait("pi-1") == 0, "something is theirs again"
    quota.spend("pi-1", 1.0)
    assert quota.wait("pi-1") == pytest.approx(1.5 * DAY / 10)
    quota.spend("pi-1", -1.0)
    assert quota.wait("pi-1") == 0
    quota.spend("pi-1", -100.0)
    clock.now += 100 * DAY
    for _ in range(10):
        quota.spend("pi-1", 1.0)
    assert quota.wait("pi-1") > 0, "nobody saves for more than a day"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def token_of(fleet: Fleet, device_id: str) -> str:
    token: str = fleet.job(lambda books: issue_token(books, device_id, fleet.clock()))
    return token


def test_a_token_drains_no_server(tmp_path: Path) -> None:
    """In parts or whole; what others fetch, and what is only asked about, is not counted."""
    with open_office(tmp_path) as office:
        clock = office.api.context.downloads.quota._clock = Clock()  # a server's own goes on between two requests
        made = office.made.release("2.1.0", {"big": BIG})
        office.publish()
        update_id = office.made.update_id(made)
        size = office.made.archive_of(made).stat().st_size
        fleet = Fleet(office.api.context, office.api.clock)
        fleet.add(["pi-1", "pi-2"])
        one, two = ({"Authorization": f"Bearer {token_of(fleet, each)}"} for each in ("pi-1", "pi-2"))
        for _ in range(9):
            assert len(office.fetch(update_id, **one).data) == size
        for at in (0, size // 2):
            part = office.fetch(update_id, **one, Range=f"bytes={at}-{at + size // 2}")
            assert (part.status_code, len(part.data) in (size // 2, size // 2 + 1)) == (206, True)
        assert office.fetch(update_id, **one).status_code == 429
        clock.now += 60
        assert office.fetch(update_id, **one).status_code == 200, "what has come back meanwhile is theirs"
        refused = office.fetch(update_id, **one, Range="bytes=0-9")
        assert refused.status_code == 429
        assert "pi-1 has fetched too much today" in refused.get_json()["error"]
        assert int(refused.headers["Retry-After"]) == pytest.approx(2 * DAY / 10 - 60, abs=2)
        assert office.fetch(update_id, **two).status_code == 200
        path = f"/api/ota/download_update?update_id={update_id}"
        assert office.api.client.head(path, headers=one).status_code == 200


def test_who_finds_no_seat_is_told_to_come_again_before_anything_is_looked_up(
    office: Office, release: Release
) -> None:
    seats = office.api.context.downloads.seats
    for number in range(48):
        assert seats.take(f"pi-{number}")
    answer = office.fetch(office.made.update_id(release), Authorization="Bearer nonsense")
    assert answer.status_code == 503
    assert 5 <= int(answer.headers["Retry-After"]) <= 15


@given(st.text(alphabet="bytes=0123456789-, ", max_size=60), st.integers(0, 200))
def test_whatever_a_range_says_only_bytes_of_the_file_are_sent(header: str, size: int) -> None:
    try:
        found = wanted(header, size)
    except NotSatisfiable:
        return
    for start, stop in found or []:
        assert 0 <= start < stop <= size
