"""Whatever is asked of the service side it is answered by what is wrong with it, never by 500, and in time."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import string
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from support.hub import RunningHub, running_hub
from support.service import Service

LIVE = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ANY = {"If-Match": "*"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("nonsense"), "--https-port", "0") as running:
        running.put_device("pi-1")
        yield running


class Asking:
    """One kept connection to the service side: hundreds of questions need no hundreds of handshakes."""

    def __init__(self, hub: RunningHub) -> None:
        self._authorization = Service(hub).token(expires_in=600)
        tls = ssl.create_default_context(cafile=str(hub.data / "tls" / "ca.pem"))
        self._line = http.client.HTTPSConnection(*hub.https_address, timeout=15, context=tls)

    def status(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> int:
        """The status of the answer, whose body must be JSON if it has one."""
        query = "&" if "?" in path else "?"
        sent = {"Authorization": self._authorization} | headers
        self._line.request(method, f"{path}{query}api-version=2021-04-12", body, sent)
        answer = self._line.getresponse()
        octets = answer.read()
        if octets:
            json.loads(octets, parse_constant=_no_json)
        return answer.status

    def close(self) -> None:
        self._line.close()


def _no_json(word: str) -> None:
    raise AssertionError(f"{word} in an answer")


@pytest.fixture(scope="module")
def asking(hub: RunningHub) -> Iterator[Asking]:
    with contextlib.closing(Asking(hub)) as found:
        yield found


NAMES = st.sampled_from([
    "deviceId", "id", "importMode", "eTag", "status", "statusReason", "authentication", "symmetricKey", "type",
    "primaryKey", "secondaryKey", "tags", "properties", "desired", "reported", "methodName", "payload", "query",
    "responseTimeoutInSeconds", "connectTimeoutInSeconds", "$version", "$metadata", "a",
])  # fmt: skip
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from(["pi-1", "enabled", "disabled", "delete", "update", "sas", "\ud800", "\0", "*"]),
)  # fmt: skip
DOCUMENTS = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4)
)
WORDS = st.sampled_from([
    "SELECT", "*", "FROM", "devices", "WHERE", "tags.a", "=", "1", "'x'", "AND", "NOT", "(", ")", ",", "IN", "[",
    "]", "COUNT()", "AS", "n", "GROUP BY", "TOP", "is_defined", "properties.reported.a", "''", "-", "1e999",
    "\ud800", "é",
])  # fmt: skip
CALLS = st.sampled_from([
    ("PUT", "/devices/pi-1", {}), ("PUT", "/devices/pi-1", ANY), ("POST", "/devices", {}),
    ("PATCH", "/twins/pi-1", {}),
    ("PUT", "/twins/pi-1", ANY), ("POST", "/twins/pi-1/methods", {}), ("POST", "/devices/query", {}),
    ("POST", "/devices/pi-1/messages/devicebound", {}), ("DELETE", "/devices/pi-1/messages/devicebound", {}),
])  # fmt: skip


def known_or_refused(hub: RunningHub, status: int) -> bool:
    hub.put_device("pi-1")  # a document may have deleted it
    return status < 500


@LIVE
@given(CALLS, DOCUMENTS)
@example(("PUT", "/devices/pi-1", ANY), {"deviceId": "pi-1", "statusReason": "\ud800"})
@example(("POST", "/devices", {}), [{"id": "pi-1", "importMode": "update", "statusReason": "\ud800"}])
@example(("PATCH", "/twins/pi-1", {}), {"tags": {"a": "\ud800"}})
@example(("POST", "/devices/query", {}), {"query": "SELECT * FROM devices WHERE tags.a = '\ud800'"})
@example(("POST", "/twins/pi-1/methods", {}), {"methodName": "\ud800"})
@example(("POST", "/twins/pi-1/methods", {}), {"methodName": "m", "payload": "x" * 200_000})
@example(("POST", "/devices", {}), [{"id": float("nan")}])
@example(("POST", "/devices/query", {}), {"query": "SELECT * FROM devices WHERE tags.a = " + "1" * 5000})
@example(
    ("POST", "/devices/query", {}), {"query": "SELECT * FROM devices WHERE " + "is_null(" * 900 + "a" + ")" * 900}
)
@example(("POST", "/devices/query", {}), {"query": "SELECT * FROM devices WHERE a=1" + " OR a=1" * 1100})
def test_a_document_of_any_kind_is_taken_or_refused(
    hub: RunningHub, asking: Asking, call: tuple[str, str, dict[str, str]], document: Any
) -> None:
    method, path, headers = call
    assert known_or_refused(hub, asking.status(method, path, json.dumps(document).encode(), headers))


@LIVE
@given(CALLS, st.binary(max_size=100))
@example(("PATCH", "/twins/pi-1", {}), b"[" * 100_000)
@example(("PATCH", "/twins/pi-1", {}), b'{"a":' * 100_000)
@example(("POST", "/devices/query", {}), b'{"query":"' + b"(" * 50_000 + b'"}')
def test_bytes_of_any_kind_are_taken_or_refused(
    hub: RunningHub, asking: Asking, call: tuple[str, str, dict[str, str]], body: bytes
) -> None:
    method, path, headers = call
    assert known_or_refused(hub, asking.status(method, path, body, headers))


def test_a_message_that_its_properties_make_too_large_is_refused(asking: Asking) -> None:
    headers = {f"iothub-app-{number}": "x" * 1000 for number in range(6)}
    assert asking.status("POST", "/devices/pi-1/messages/devicebound", b"x" * 60_000, headers) == 400


@LIVE
@given(st.lists(WORDS, max_size=15))
def test_words_in_any_order_are_a_query_or_refused(hub: RunningHub, asking: Asking, words: list[str]) -> None:
    body = json.dumps({"query": " ".join(["SELECT", *words])}).encode()
    assert known_or_refused(hub, asking.status("POST", "/devices/query", body, {}))


@LIVE
@given(st.text(max_size=140), st.sampled_from(["GET", "PUT", "DELETE"]))
def test_a_path_of_any_kind_is_found_or_refused(hub: RunningHub, asking: Asking, name: str, method: str) -> None:
    body = json.dumps({"deviceId": name}).encode()
    path = f"/devices/{quote(name, safe='', errors='surrogatepass')}"
    assert known_or_refused(hub, asking.status(method, path, body, ANY if method == "DELETE" else {}))


HEADERS = st.sampled_from([
    "If-Match", "x-ms-continuation", "x-ms-max-item-count", "iothub-expiry", "iothub-messageid", "iothub-app-a",
    "iothub-app-", "iothub-correlationid", "Content-Type",
])  # fmt: skip


def token_of(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode()


@LIVE
@given(CALLS, HEADERS, st.text(string.printable[:95] + "é\xff", max_size=60))
@example(("POST", "/devices/query", {}), "x-ms-continuation", "W10=")
@example(("POST", "/devices/query", {}), "x-ms-continuation", token_of('["a", 1e999]'))
@example(("POST", "/devices/query", {}), "x-ms-continuation", token_of('["\\ud800", 1]'))
@example(("POST", "/devices/query", {}), "x-ms-continuation", token_of("[" * 5000))
@example(("GET", "/devices?top=" + "1" * 5000, {}), "If-Match", "")
@example(("GET", "/devices?top=000000001" + "1" * 5000, {}), "If-Match", "")
@example(("POST", "/devices/query", {}), "x-ms-max-item-count", "9" * 100)
@example(("POST", "/devices/pi-1/messages/devicebound", {}), "iothub-expiry", "9999-12-31T23:59:59Z")
def test_a_header_of_any_kind_is_taken_or_refused(
    hub: RunningHub, asking: Asking, call: tuple[str, str, dict[str, str]], name: str, value: str
) -> None:
    method, path, headers = call
    sent = headers | {name: value.strip()}
    assert known_or_refused(hub, asking.status(method, path, b'{"query":"SELECT * FROM devices"}', sent))
