from __future__ import annotations

import gzip
import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pi_auto.server.api.bodies import MOST_READ_AT_ONCE
from pi_auto.server.scans.tables import scans
from pi_auto.wire.batch import MOST_BODY, MOST_RECORDS
from support.api import Api
from support.records import SPOOL, scan

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


def test_bodies_that_never_come_leave_room_for_the_rest(api: Api) -> None:
    """Half of the threads may wait for bodies; who comes beyond that is sent away, all else is answered."""
    arriving, arrived = threading.Event(), threading.Semaphore(0)

    class Slow(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, _: Any) -> int:
            arrived.release()
            arriving.wait(30)
            return 0

    def send() -> int:
        environ = {"wsgi.input": Slow(), "wsgi.input_terminated": True}
        client = api.client.application.test_client()
        return client.post("/api/register_device", environ_overrides=environ).status_code

    with ThreadPoolExecutor(MOST_READ_AT_ONCE) as pool:
        waiting = [pool.submit(send) for _ in range(MOST_READ_AT_ONCE)]
        assert all(arrived.acquire(timeout=20) for _ in waiting)
        refused = api.register()
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
        assert "messages are still on their way" in refused.get_json()["error"]
        assert api.get("/api/health").status_code == 200
        arriving.set()
        assert {answer.result(20) for answer in waiting} == {400}
    assert api.register().status_code == 200
