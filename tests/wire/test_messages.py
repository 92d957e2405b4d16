"""Every message survives its way over the wire, and a wrong field is refused by name."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pi_auto.wire.batch import Acknowledgement, Batch, Refusal
from pi_auto.wire.errors import FieldError
from pi_auto.wire.heartbeat import Heartbeat
from pi_auto.wire.hublink import Event
from pi_auto.wire.ids import Position, device_id_from
from pi_auto.wire.registration import HubDial, Registration, RegistrationAnswer
from pi_auto.wire.scan import Incident, Scan, Scanner
from pi_auto.wire.telemetry import record_of, telemetry_body, telemetry_topic
from pi_auto.wire.update import UpdateStatus
from support import records

NOW = datetime(2026, 11, 23, 17, 33, 0, 123000, tzinfo=UTC)
OTHER_SPOOL = "99999999-2222-4333-8444-555555555555"


def travelled(message: Any) -> Any:
    return json.loads(json.dumps(message.to_json()))


@pytest.mark.parametrize(
    "message",
    [
        records.scan("]C10112345678901231\x1d10A1"),
        replace(records.scan(), aim="]E0", gtin="04006381333931", check_digit_ok=True, corrected_time=NOW),
        replace(records.scan(), corrected_time=NOW, time_error_ms=800),
        records.incident(),
        replace(records.incident(), scanner=None, type="spool_replaced"),
        Registration("pi-1a2b3c4d", NOW, {"hostname": "till-3"}, "1.0.0", claim="ab" * 32),
        RegistrationAnswer("pi-1a2b3c4d", NOW, None, "http://127.0.0.1:5000"),
        RegistrationAnswer(
            "pi-1a2b3c4d", NOW, "HostName=h;DeviceId=d;SharedAccessKey=a2V5", "http://127.0.0.1:5000",
            api_token="t" * 43, hub=HubDial("127.0.0.1", 1883, tls=False),
        ),
        RegistrationAnswer(
            "pi-1a2b3c4d", NOW, "HostName=h;DeviceId=d;SharedAccessKey=a2V5", "http://127.0.0.1:5000",
            hub=HubDial("10.0.0.5", 8883, tls=True, websocket_port=443),
        ),
        Acknowledgement(
            Position(records.SPOOL, 7),
            refused=(Refusal("scans", 2, FieldError("scans[2].uuid", "missing", "a UUID")),),
            flagged=("0b8f3c1e-8f0e-4a53-9f37-0d6b8a3d0c11",),
            resend_from=Position(records.SPOOL, 3),
        ),
        Heartbeat("online", NOW, "1.0.0", {"hostname": "till-3"}, {"api": 3}, health={"uptime": 60}),
        Event(5, "telemetry", "pi-1a2b3c4d", "2026-11-23T17:33:00.123Z", {"message-id": "m"}, {"a": "b"}, "e30="),
    ],
    ids=lambda message: type(message).__name__,
)  # fmt: skip
def test_a_message_comes_back_as_it_was_sent(message: Any) -> None:
    assert travelled(type(message).from_json(travelled(message))) == travelled(message)


def test_a_batch_comes_back_with_all_its_records() -> None:
    scans = tuple(records.scans("A", "B"))
    batch = Batch("pi-1a2b3c4d", records.SPOOL, 1, 3, 1, scans, (records.incident(number=3),))
    assert Batch.from_json(travelled(batch)) == batch


BAD_SCANS: list[tuple[str, Any]] = [
    ("uuid", "0B8F3C1E-8F0E-4A53-9F37-0D6B8A3D0C11"),
    ("uuid", None),
    ("number", 0),
    ("number", True),
    ("number", 2**63),
    ("number", 1.5),
    ("spool", "x"),
    ("scanner", "Newland"),
    ("raw", "not base64!"),
    ("raw", "QUJD" * 4096),
    ("text", 4006381333931),
    ("text", "x" * 8193),
    ("text", "\ud800"),
    ("stamp", None),
    ("aim", "]E00"),
    ("quantity", 0),
    ("check_digit_ok", "yes"),
    ("corrected_time", "yesterday"),
    ("time_error_ms", -1),
    ("time_error_ms", 10**15),
]


@pytest.mark.parametrize(("field", "value"), BAD_SCANS)
def test_a_wrong_field_of_a_scan_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(FieldError) as error:
        Scan.from_json(travelled(records.scan()) | {field: value}, "scans[3]")
    assert error.value.field == f"scans[3].{field}"
    assert error.value.allowed
    assert len(error.value.value) < 100


def test_unknown_fields_are_ignored() -> None:
    scan = records.scan()
    assert Scan.from_json(travelled(scan) | {"colour": "blue"}) == scan


def test_a_bad_scan_among_good_ones_is_refused_alone() -> None:
    good, other = records.scans("A", "B")
    batch = travelled(Batch("pi-1", records.SPOOL, 1, 3, 1, (good, other)))
    batch["scans"].insert(1, {"uuid": 7})
    read = Batch.from_json(batch)
    assert [scan.text for scan in read.scans] == ["A", "B"]
    assert [(refusal.list, refusal.index, refusal.error.field) for refusal in read.refused] == [
        ("scans", 1, "scans[1].uuid")
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"number": 9}, "scans[0].number"), ({"spool": OTHER_SPOOL}, "scans[0].spool")],
)
def test_a_record_from_outside_its_batch_is_refused(changes: dict[str, Any], field: str) -> None:
    batch = travelled(Batch("pi-1", records.SPOOL, 1, 3, 1, tuple(records.scans("A"))))
    batch["scans"][0] |= changes
    assert Batch.from_json(batch).refused[0].error.field == field


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"device_id": "../etc"}, "device_id"),
        ({"spool": 5}, "spool"),
        ({"first": 4}, "through"),
        ({"scans": {}}, "scans"),
        ({"scans": [{}] * 501}, "scans"),
    ],
)
def test_a_batch_with_a_bad_frame_is_refused_as_a_whole(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(FieldError) as error:
        Batch.from_json(travelled(Batch("pi-1", records.SPOOL, 1, 3, 1)) | changes)
    assert error.value.field == field


@pytest.mark.parametrize("value", [None, [], "text", 7])
def test_what_is_no_object_is_refused(value: Any) -> None:
    for message in (Batch, Registration, Acknowledgement, Heartbeat, UpdateStatus, Incident):
        with pytest.raises(FieldError):
            message.from_json(value)


def test_the_digest_tells_contents_apart_and_ignores_a_corrected_time() -> None:
    scan = records.scan()
    assert replace(scan, corrected_time=NOW, time_error_ms=800).digest() == scan.digest()
    assert replace(scan, quantity=2).digest() != scan.digest()
    assert Scan.from_json(travelled(scan)).digest() == scan.digest()


@pytest.mark.parametrize(
    "scan",
    [
        records.scan(),
        records.scan('"\\\x1d\0é漢😀\u2028', scanner=Scanner("a\nb", 'the "best"', "\x7f")),
        records.scan(aim="]E0", symbology="EAN-13", gtin="04006381333931", check_digit_ok=False, quantity=7),
        records.scan(check_digit_ok=True, repeat_of=OTHER_SPOOL, corrected_time=NOW, time_error_ms=800),
    ],
)
def test_the_digest_is_that_of_canonical_json_without_the_position(scan: Scan) -> None:
    passing = {"spool", "number", "corrected_time", "time_error_ms"}
    lasting = {n: v for n, v in scan.to_json().items() if n not in passing}
    canonical = json.dumps(lasting, sort_keys=True, separators=(",", ":"))
    assert scan.digest() == hashlib.sha256(canonical.encode()).digest()


def test_telemetry_carries_the_legacy_fields_and_the_whole_record() -> None:
    scan = records.scan("8053734093444")
    body = json.loads(telemetry_body("pi-1", scan))
    assert (body["deviceId"], body["barcode"], body["quantity"]) == ("pi-1", "8053734093444", 1)
    assert body["messageType"] == "barcode_scan"
    assert record_of(body, "pi-1") == scan
    assert f"%24.mid={scan.uuid}" in telemetry_topic("pi-1", scan).replace("$", "%24")
    lost = records.incident()
    assert record_of(json.loads(telemetry_body("pi-1", lost)), "pi-1") == lost


def test_telemetry_that_names_another_sender_is_refused() -> None:
    body = json.loads(telemetry_body("pi-1", records.scan()))
    with pytest.raises(FieldError, match="deviceId"):
        record_of(body, "pi-2")


@pytest.mark.parametrize(
    ("hardware", "device_id"),
    [
        ("100000001a2b3c4d", "pi-1a2b3c4d"),
        ("DC:A6:32:01:02:03", "pi-32010203"),
        ("0000000012345678\n", "pi-12345678"),
    ],
)
def test_a_device_id_is_the_last_eight_hex_digits(hardware: str, device_id: str) -> None:
    assert device_id_from(hardware) == device_id


def test_hardware_without_eight_digits_names_no_device() -> None:
    with pytest.raises(ValueError, match="hex digits"):
        device_id_from("xyz")


@pytest.mark.parametrize("field", ["api_token", "connection_string"])
def test_a_malformed_secret_is_not_shown(field: str) -> None:
    answer = travelled(RegistrationAnswer("pi-1a2b3c4d", NOW, None, "http://127.0.0.1:5000"))
    with pytest.raises(FieldError, match=field) as error:
        RegistrationAnswer.from_json(answer | {field: ["hush-hush"]})
    assert "hush" not in str(error.value)


def test_a_malformed_claim_is_not_shown() -> None:
    registration = travelled(Registration("pi-1a2b3c4d", NOW, {}, "1.0.0"))
    with pytest.raises(FieldError, match="claim") as error:
        Registration.from_json(registration | {"claim": "hush-hush"})
    assert "hush" not in str(error.value)
