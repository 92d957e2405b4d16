"""Batches and heartbeats tell of a copied card as signed requests do; power cuts and slow networks do not."""

from __future__ import annotations

import io
import uuid
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from pi_auto.server.audit.tables import audit
from pi_auto.server.calls.trail import Call, Trail
from pi_auto.server.enrolment import granting
from pi_auto.server.enrolment.tables import clone_spans, hub_wishes, identities
from pi_auto.server.links.events import book_event
from pi_auto.server.scans.tables import scans
from pi_auto.wire.batch import Batch
from pi_auto.wire.boot import HEADER
from pi_auto.wire.hublink import TWIN_CHANGE, Event
from pi_auto.wire.methods import DIAGNOSTICS
from pi_auto.wire.times import format_time
from support import records
from support.api import Api, Registry, open_api
from support.signing_device import SigningDevice

ANN = "operator ann"
BUNDLE = io.BytesIO()
with zipfile.ZipFile(BUNDLE, "w") as archive:
    archive.writestr("doctor.json", "{}")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with open_api(tmp_path / "data", Registry(), trust=True) as opened:
        yield opened


@pytest.fixture
def device(api: Api, tmp_path: Path) -> SigningDevice:
    made = SigningDevice(api, tmp_path)
    key, now = made.key.public.fingerprint, api.clock.now
    api.context.writer.submit(
        lambda books: granting.preauthorise(books, made.serial, key, timedelta(days=1), ANN, now)
    ).result(10)
    assert made.enrol().status_code == 200
    return made


def send(device: SigningDevice, *texts: str, token: str | None = None) -> int:
    """A batch of the device's running boot; the status."""
    numbers = range(device.api.clock.now.second + 1, device.api.clock.now.second + 1 + len(texts))
    taken = tuple(records.scan(text, number=number) for number, text in zip(numbers, texts, strict=True))
    spool = replace(Batch(device.device_id, records.SPOOL, 1, 100, 1, taken), boot=device.boot)
    headers = {"Authorization": f"Bearer {token or device.token}"}
    return device.api.client.post("/api/scans", json=spool.to_json(), headers=headers).status_code


def beat(device: SigningDevice, at: datetime | None = None) -> None:
    """A heartbeat of the device's running boot, as the hub tells it of `at`."""
    moment = format_time(at or device.api.clock.now)
    reported = {"status": "online", "last_seen": moment, "boot": device.boot}
    event = Event(1, TWIN_CHANGE, device.device_id, moment, body={"properties": {"reported": reported}})
    now = device.api.clock.now
    device.api.context.writer.submit(lambda books: book_event(books, event, now)).result(10)


def ask_for_updates(device: SigningDevice) -> None:
    """As every hour, of the device's running boot."""
    asked = {"device_id": device.device_id, "current_version": "2.0.1"}
    headers = {"Authorization": f"Bearer {device.token}", HEADER: device.boot}
    assert device.api.client.get("/api/ota/check_update", query_string=asked, headers=headers).status_code == 200


def tell_of_an_update(device: SigningDevice) -> None:
    now = format_time(device.api.clock.now)
    told = {"device_id": device.device_id, "version": "2.0.1", "status": "in_progress", "timestamp": now}
    headers = {"Authorization": f"Bearer {device.token}", HEADER: device.boot}
    assert device.api.client.post("/api/ota/update_status", json=told, headers=headers).status_code == 200


def send_diagnostics(device: SigningDevice) -> None:
    """A bundle that an operator has asked for."""
    asked = Call(str(uuid.uuid4()), ANN, DIAGNOSTICS, device.device_id, {})
    Trail.open(device.api.context.settings.data).note(asked, device.api.clock.now)
    headers = {"Authorization": f"Bearer {device.token}", HEADER: device.boot, "Content-Type": "application/zip"}
    answer = device.api.client.post(f"/api/diagnostics/{asked.call}", data=BUNDLE.getvalue(), headers=headers)
    assert answer.status_code == 201


def pass_by(api: Api, **time: float) -> None:
    api.clock.now += timedelta(**time)


def copy_of(device: SigningDevice) -> SigningDevice:
    """The same card in another machine: its key, its token, a boot of its own."""
    return replace(device, boot=str(uuid.uuid4()))


def reboot(device: SigningDevice) -> None:
    device.boot = str(uuid.uuid4())


def evidence(api: Api) -> list[str]:
    with api.context.store.engine.connect() as books:
        return list(books.execute(select(audit.c.outcome).where(audit.c.action == "clone")).scalars())


def is_cloned(api: Api) -> bool:
    with api.context.store.engine.connect() as books:
        return books.execute(select(identities.c.cloned_at)).scalar() is not None


@pytest.mark.parametrize("contact", [send, beat, ask_for_updates, tell_of_an_update, send_diagnostics])
def test_two_that_speak_in_turns_are_noticed_when_the_first_comes_back(
    api: Api, device: SigningDevice, contact: Callable[[SigningDevice], object]
) -> None:
    clone = copy_of(device)
    for each in (device, clone):
        contact(each)
        pass_by(api, seconds=70)
        assert not is_cloned(api)
    contact(device)
    assert evidence(api) == ["boots in turns"]
    with api.context.store.engine.connect() as books:
        assert [row.wish for row in books.execute(select(hub_wishes))] == ["disabled"]


def test_both_lose_the_hub_and_their_scans_are_booked_and_marked(api: Api, device: SigningDevice) -> None:
    clone = copy_of(device)
    for each in (device, clone, device):
        assert send(each) == 200
        pass_by(api, seconds=70)
    assert send(clone, "OF-A-CLONE") == 200
    with api.context.store.engine.connect() as books:
        assert books.execute(select(scans.c.text)).scalars().all() == ["OF-A-CLONE"]
        (span,) = books.execute(select(clone_spans)).all()
    assert span.until is None  # what the device scans from `since` on bears the badge
    assert span.since < api.clock.now
    assert is_cloned(api)


def test_the_two_ways_count_together(api: Api, device: SigningDevice) -> None:
    clone = copy_of(device)
    beat(device)
    pass_by(api, seconds=30)
    send(clone)
    pass_by(api, seconds=70)
    beat(device)
    assert evidence(api) == ["boots in turns"]


@pytest.mark.parametrize("seconds", [1, 20, 45, 90, 4000])
def test_twenty_power_cuts_are_no_clone(api: Api, device: SigningDevice, seconds: int) -> None:
    for _ in range(20):
        reboot(device)
        send(device)
        beat(device)
        pass_by(api, seconds=seconds)
        send(device)
        beat(device)
    assert evidence(api) == []


def test_a_batch_that_the_network_held_up_over_a_power_cut_is_no_clone(api: Api, device: SigningDevice) -> None:
    send(device)
    late = copy_of(device)
    late.boot = device.boot
    reboot(device)
    send(device)
    pass_by(api, seconds=50)
    send(late)
    send(device)
    assert evidence(api) == []


def test_news_of_the_hub_that_come_an_hour_late_over_power_cuts_are_no_clone(
    api: Api, device: SigningDevice
) -> None:
    """The server was away from the hub; the API was spoken to meanwhile."""
    said = []
    for _ in range(20):
        reboot(device)
        said.append((device.boot, api.clock.now + timedelta(seconds=5)))
        pass_by(api, minutes=3)
        send(device)
    now = device.boot
    for device.boot, moment in said:
        beat(device, moment)
    device.boot = now
    send(device)
    assert evidence(api) == []


def test_a_token_that_its_device_had_done_with_tells_of_a_copy(api: Api, device: SigningDevice) -> None:
    stale = device.token
    for _ in range(3):
        pass_by(api, hours=12)
        assert device.renew().status_code == 200
    pass_by(api, seconds=30)
    assert send(device, token=stale) == 401
    pass_by(api, minutes=2)
    assert send(device, token=stale) == 401
    assert evidence(api) == ["stale token"]
    assert send(device, token="a" * 43) == 401
    assert send(device) == 200


def test_a_device_of_an_older_release_tells_no_boot_and_nothing_is_made_of_that(
    api: Api, device: SigningDevice
) -> None:
    silent = replace(device, boot="")
    for each in (silent, device, silent):
        assert send(each) == 200
        pass_by(api, seconds=70)
    assert evidence(api) == []
