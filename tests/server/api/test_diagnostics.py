from __future__ import annotations

import io
import os
import struct
import uuid
import zipfile
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from pi_auto.server.api.diagnostics import MOST_AT_ONCE, seat_of
from pi_auto.server.api.errors import Crowded
from pi_auto.server.calls.bundles import KEPT, AlreadyStored, Bundles, NotZip, TooLarge
from pi_auto.server.calls.trail import Call, Trail
from pi_auto.wire.methods import MOST_DIAGNOSTICS
from support.api import NOW, Api, Device

SECOND_DISK = struct.pack("<4sLQL", b"PK\x06\x07", 1, 0, 7)  # says that the directory begins on another disk


def bundle(octets: int = 100) -> bytes:
    """A zip file of about so many bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("doctor.json", os.urandom(octets))
    return file.getvalue()


def asked(api: Api, device_id: str, action: str = "diagnostics", ago: float = 0) -> str:
    """A request as the command notes it."""
    request = str(uuid.uuid4())
    call = Call(request, "alice", action, device_id, {"request": request})
    Trail.open(api.context.settings.data).note(call, NOW - timedelta(seconds=ago))
    return request


def send(device: Device, request: str, body: bytes, mimetype: str = "application/zip") -> TestResponse:
    headers = {"Authorization": f"Bearer {device.token}", "Content-Type": mimetype}
    return device.api.client.post(f"/api/diagnostics/{request}", data=body, headers=headers)


def files(api: Api) -> list[Path]:
    return [path for path in (api.context.settings.data / "diagnostics").rglob("*") if path.is_file()]


def test_a_bundle_that_was_asked_for_is_kept_once(api: Api) -> None:
    device, body = api.device(), bundle()
    request = asked(api, device.device_id)
    answer = send(device, request, body)
    assert (answer.status_code, answer.get_json()) == (201, {"stored": True})
    [path] = files(api)
    assert path.read_bytes() == body
    assert (path.name, path.parent.name) == (f"{request}.zip", device.device_id)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert send(device, request, bundle()).status_code == 409
    [entry] = Trail.open(api.context.settings.data).read()
    assert entry.ending
    assert (entry.ending.outcome, entry.call.who) == ("stored", "alice")
    assert path.read_bytes() == body


@pytest.mark.parametrize("ago", [901, -901, 86_400])
def test_a_request_of_another_time_is_not_known(api: Api, ago: float) -> None:
    device = api.device()
    answer = send(device, asked(api, device.device_id, ago=ago), bundle())
    assert answer.status_code == 404
    assert "longer than 15 minutes ago" in answer.get_json()["error"]
    assert files(api) == []


def test_only_what_this_device_was_asked_for_is_taken(api: Api) -> None:
    device, other = api.device("pi-1"), api.device("pi-2")
    assert send(device, str(uuid.uuid4()), bundle()).status_code == 404  # before there is any audit
    requests = [asked(api, other.device_id), asked(api, "pi-1", action="restart"), str(uuid.uuid4()), "latest"]
    requests += ["..", "x.zip", asked(api, "pi-1").upper()]
    assert [send(device, request, bundle()).status_code for request in requests] == [404] * len(requests)
    assert files(api) == []


def test_without_a_good_token_nothing_is_taken(api: Api) -> None:
    device = api.device()
    request = asked(api, device.device_id)
    assert api.client.post(f"/api/diagnostics/{request}", data=bundle()).status_code == 401
    device.token = "A" * 43
    assert send(device, request, bundle()).status_code == 401


@pytest.mark.parametrize(
    ("body", "mimetype", "status"),
    [
        (bundle(), "application/json", 415),
        (b"", "application/zip", 400),
        (b"#!/bin/sh\n", "application/zip", 400),
        (bundle()[:-30], "application/zip", 400),
        (b"PK\x05\x06" + bytes(18), "application/zip", 400),  # an empty archive
        (b"PK\x03\x04" + bytes(80) + SECOND_DISK + b"PK\x05\x06" + bytes(18), "application/zip", 400),
        (bundle(MOST_DIAGNOSTICS), "application/zip", 413),
    ],
    ids=["no zip type", "nothing", "a script", "cut off", "empty", "of two disks", "too large"],
)
def test_what_is_no_bundle_leaves_nothing_behind_and_may_be_sent_again(
    api: Api, body: bytes, mimetype: str, status: int
) -> None:
    device = api.device()
    request = asked(api, device.device_id)
    answer = send(device, request, body, mimetype)
    assert answer.status_code == status, answer.text
    assert files(api) == []
    assert send(device, request, bundle()).status_code == 201


def test_one_device_sends_one_bundle_at_a_time_and_only_some_do_at_once(api: Api) -> None:
    with seat_of("pi-1"), seat_of("pi-2"), pytest.raises(Crowded), seat_of("pi-1"):
        pytest.fail("it has two seats")
    with ExitStack() as seats:
        for number in range(MOST_AT_ONCE):
            seats.enter_context(seat_of(f"pi-{number}"))
        device = api.device()
        request = asked(api, device.device_id)
        answer = send(device, request, bundle())
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert send(device, request, bundle()).status_code == 201


def test_a_body_of_unknown_length_is_bounded_too(tmp_path: Path) -> None:
    bundles = Bundles(tmp_path)
    with pytest.raises(TooLarge):
        bundles.take("pi-1", "a", io.BytesIO(bundle(MOST_DIAGNOSTICS + 1)), None)
    with pytest.raises(NotZip):
        bundles.take("pi-1", "a", io.BytesIO(bundle(1000)), 999)
    assert bundles.all("pi-1") == []
    whole = bundle(MOST_DIAGNOSTICS - 1000)
    assert bundles.take("pi-1", "a", io.BytesIO(whole), None).octets == len(whole)


def test_of_two_that_come_at_once_the_first_whole_one_stays(tmp_path: Path) -> None:
    bundles, first, second = Bundles(tmp_path), bundle(10), bundle(20)

    class Overtaken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() == 0:
                bundles.take("pi-1", "a", io.BytesIO(first), len(first))
            return super().read(size)

    with pytest.raises(AlreadyStored):
        bundles.take("pi-1", "a", Overtaken(second), len(second))
    [kept] = bundles.all("pi-1")
    assert kept.path.read_bytes() == first


def test_the_newest_of_a_device_are_kept(tmp_path: Path) -> None:
    bundles, body = Bundles(tmp_path), bundle()
    for number in range(KEPT + 3):
        taken = bundles.take("pi-1", str(number), io.BytesIO(body), None)
        os.utime(taken.path, (NOW.timestamp(), taken.received_at.timestamp() - 1000 + number))
    left = tmp_path / "diagnostics" / "pi-1" / ".x.1234.tmp"
    left.write_bytes(b"PK")
    os.utime(left, (0, 0))
    bundles.take("pi-2", "other", io.BytesIO(body), None)
    bundles.take("pi-1", "old", io.BytesIO(body), None)
    assert [each.request for each in bundles.all("pi-1")] == ["old", *map(str, range(KEPT + 2, 3, -1))]
    assert not left.exists()
    assert len(bundles.all("pi-2")) == 1
