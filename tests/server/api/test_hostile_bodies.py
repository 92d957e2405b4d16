from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from pi_auto.server.api.body_seats import DEVICES, STRANGERS
from pi_auto.server.scans.tables import scans
from pi_auto.wire.batch import MOST_BODY, MOST_RECORDS
from support.api import Api
from support.records import SPOOL, scan
from support.slow_bodies import slow_bodies

GZIP = {"Content-Encoding": "gzip"}


def gzipped(octets: bytes) -> bytes:
    return gzip.compress(octets, mtime=0)  # or every worker of a parallel run would name the test differently


def frame(**changes: Any) -> dict[str, Any]:
    return {
        "device_id": "pi-1a2b3c4d",
        "spool": SPOOL,
        "first": 1,
        "through": 1,
        "oldest": 1,
        "scans": [],
    } | changes


def octets(**changes: Any) -> bytes:
    return json.dumps(frame(**changes)).encode()


def with_nan() -> bytes:
    return octets(first=1).replace(b'"first": 1', b'"first": NaN')


def beyond_all_numbers() -> bytes:
    return octets(first=1, more="X").replace(b'"first": 1', b'"first": 1e999').replace(b"X", b"\\ud800")


def with_lone_surrogate() -> bytes:
    return octets(device_id="X").replace(b"X", b"\\ud800")


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (b"", {}, 400, "not JSON"),
        (b"{", {}, 400, "not JSON"),
        (b"\xff\xfe{}", {}, 400, "not JSON"),
        (b"[" * 100_000, {}, 400, "not JSON"),
        (b'{"a":' * 100_000, {}, 400, "not JSON"),
        (gzipped(b"[" * 1_000_000), GZIP, 400, "not JSON"),
        (with_nan(), {}, 400, "not JSON"),
        (beyond_all_numbers(), {}, 400, "not JSON"),
        (with_lone_surrogate(), {}, 400, "device_id"),
        (b"[]", {}, 400, "the message"),
        (b"null", {}, 400, "the message"),
        (b'"text"', {}, 400, "the message"),
        (octets(spool="x"), {}, 400, "spool"),
        (octets(first=0), {}, 400, "first"),
        (octets(first=1.5), {}, 400, "first"),
        (octets(first=True), {}, 400, "first"),
        (octets(through=2**63), {}, 400, "through"),
        (octets(through=10**400), {}, 400, "through"),
        (octets(first=2), {}, 400, "through"),
        (octets(scans={"0": 1}), {}, 400, "scans"),
        (octets(scans=[1] * (MOST_RECORDS + 1)), {}, 400, "scans"),
        (b"x" * (1024 * 1024 + 1), {}, 413, "too long"),
        (gzipped(b"0" * (MOST_BODY + 1)), GZIP, 413, "too long"),  # a bomb: 8 kB of it
        (gzipped(b"{}")[:-4], GZIP, 400, "cut off"),
        (gzipped(b"{}") + b"more", GZIP, 400, "follows"),
        (b"{}", GZIP, 400, "not gzip"),
        (b"{}", {"Content-Encoding": "br"}, 415, "Content-Encoding"),
        (b"{}", {"Content-Encoding": "gzip, gzip"}, 415, "Content-Encoding"),
    ],
)
def test_a_hostile_body_gets_a_4xx_that_says_why(
    api: Api, body: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    device = api.device()
    answer = device.post_raw(body, **headers)
    assert answer.status_code == status
    assert answer.mimetype == "application/json"
    assert words in answer.get_json()["error"]
    assert len(answer.data) < 2000
    assert api.rows(scans) == []


def test_a_lone_surrogate_spoils_its_own_record_only(api: Api) -> None:
    device = api.device()
    records = [scan("good", number=1).to_json(), scan(number=2).to_json() | {"text": "\ud800"}]
    answer = device.post(frame(through=2, scans=records))
    assert answer.status_code == 200
    assert [refusal["error"]["field"] for refusal in answer.get_json()["refused"]] == ["scans[1].text"]
    assert [row.text for row in api.rows(scans)] == ["good"]


def test_hostile_text_is_booked_as_it_is(api: Api) -> None:
    texts = [
        "<script>alert(1)</script>",
        "'; DROP TABLE scans; --",
        "a\nb\x1b[2J",
        "\u202e",
        "\U0001f600",
        "=cmd|' /C calc'!A0",
    ]
    api.device().send(*[scan(text, number=n) for n, text in enumerate(texts, 1)])
    assert [row.text for row in api.rows(scans)] == texts


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("DELETE", "/api/scans", 405),
        ("GET", "/api/register_device", 405),
        ("POST", "/api/health", 405),
        ("GET", "/api/pi_device/" + "x" * 1000, 404),
    ],
)
def test_every_wrong_turn_is_answered_in_json(api: Api, method: str, path: str, status: int) -> None:
    answer = api.client.open(path, method=method)
    assert answer.status_code == status
    assert answer.mimetype == "application/json"
    assert answer.get_json()["error"]
    assert ("Allow" in answer.headers) is (status == 405)


def test_a_fault_of_our_own_is_told_in_json_without_its_insides(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    with api.context.store.writing() as _:
        api.context.writer.submit(lambda books: books.exec_driver_sql("DROP TABLE update_reports")).result(10)
    api.device()
    status = {"device_id": "pi-1a2b3c4d", "version": "1", "status": "success", "timestamp": "2026-11-23T12:00:00Z"}
    answer = api.client.post("/api/ota/update_status", json=status)
    assert answer.status_code == 503
    assert "update_reports" not in answer.text
    assert "update_reports" in caplog.text


def test_with_the_writer_dead_the_server_says_it_is_unwell_and_takes_nothing(api: Api) -> None:
    device = api.device()
    api.context.writer.close()
    assert api.get("/api/health").status_code == 503
    assert api.get("/api/health").get_json()["status"] == "unhealthy"
    answer = device.post(frame())
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


def test_bodies_of_strangers_that_never_come_keep_no_device_from_delivering(api: Api) -> None:
    device, record = api.device(), scan()
    strangers = [{"REMOTE_ADDR": f"192.0.2.{number % 2}"} for number in range(STRANGERS.most)]
    with slow_bodies(api.client, "/api/register_device", strangers) as waiting:
        refused = api.register()
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
        assert "messages are still on their way" in refused.get_json()["error"]
        assert api.get("/api/health").status_code == 200
        assert device.send(record).settled == record.position
    assert {answer.result(20) for answer in waiting} == {400}
    assert api.register("pi-other").status_code == 200


def test_slow_bodies_of_one_address_keep_no_other_out(api: Api) -> None:
    with slow_bodies(api.client, "/api/register_device", [{"REMOTE_ADDR": "192.0.2.1"}] * STRANGERS.each):
        refused = api.client.post("/api/register_device", json={}, environ_overrides={"REMOTE_ADDR": "192.0.2.1"})
        assert refused.status_code == 503
        assert api.register().status_code == 200


def test_slow_bodies_of_one_device_keep_no_other_out(api: Api) -> None:
    stolen, other, record = api.device(), api.device("pi-other"), scan()
    with slow_bodies(api.client, "/api/scans", [{"HTTP_AUTHORIZATION": f"Bearer {stolen.token}"}] * DEVICES.each):
        assert stolen.post(frame()).status_code == 503
        assert other.send(record).settled == record.position
