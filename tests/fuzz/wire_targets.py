"""What travels between device, server and hub: whatever comes, FieldError alone; what is read can be written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from fuzz.target import Target, as_json, hold, seed, unless
from pi_auto.server.api.bodies import decode_json
from pi_auto.server.api.errors import ApiError
from pi_auto.wire import (
    enrolment,
    fleet_proof,
    heartbeat,
    methods,
    registration,
    release,
    scanner_settings,
    topics,
    update,
)
from pi_auto.wire.batch import Acknowledgement, Batch
from pi_auto.wire.binding import BindingCode
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.sas import SasToken
from pi_auto.wire.scan import Incident, Scan
from pi_auto.wire.server_address import ServerAddress, is_host
from pi_auto.wire.signed import TYPES, Signed
from pi_auto.wire.strict_json import read_strictly, write_plainly
from pi_auto.wire.times import format_time, parse_time
from pi_auto.wire.twin import difference, merged
from support.records import SPOOL, incident, scan

TEXT = "utf-8", "surrogatepass"
UUID = "0b8f3c1e-8f0e-4a53-9f37-0d6b8a3d0c11"


def _round_trip(kind: Any, octets: bytes) -> Any:
    """What is read is written, read again, and the same; also by way of JSON, and of the server's own decoder."""
    value = as_json(octets)
    read = unless(FieldError)(kind.from_json, value)
    if read is None:
        return None
    written = read.to_json()
    text = json.dumps(written, allow_nan=False)
    again = kind.from_json(json.loads(text))
    hold(again.to_json() == written, "written and read again it is another", written, again.to_json())
    return read


def strict(octets: bytes) -> None:
    """What is signed has one meaning: the strict reader and the plain one agree wherever it reads at all."""
    value = unless(FieldError)(read_strictly, octets, "it", most=512)
    if value is None:
        return
    hold(value == json.loads(octets), "two readers disagree", value)
    hold(read_strictly(write_plainly(value), "it", most=8192) == value, "written plainly it is another", value)
    hold(unless(ApiError)(decode_json, octets) == value, "the server's decoder disagrees", octets)


def body(octets: bytes) -> None:
    """A body of the API: a value that can be written as JSON again, or ApiError."""
    value = unless(ApiError)(lambda: (decode_json(octets),))
    if value:
        json.dumps(value[0], allow_nan=False)


def scan_(octets: bytes) -> None:
    """A scan: its digest survives the way."""
    read = _round_trip(Scan, octets)
    if read:
        hold(Scan.from_json(read.to_json()).digest() == read.digest(), "another digest", read)


def incident_(octets: bytes) -> None:
    """An incident."""
    _round_trip(Incident, octets)


def batch(octets: bytes) -> None:
    """A batch: each record is taken or refused, none is lost and none is both."""
    value = as_json(octets)
    read = unless(FieldError)(Batch.from_json, value)
    if read:
        sent = len(value.get("scans") or ()) + len(value.get("incidents") or ())
        hold(len(read.scans) + len(read.incidents) + len(read.refused) == sent, "records are lost", read)
        json.dumps([each.to_json() for each in read.refused])
        for each in read.refused:
            read_error = Acknowledgement.from_json(
                {"settled": {"spool": SPOOL, "number": 1}, "refused": [each.to_json()]}
            )
            hold(len(read_error.refused) == 1, "the device could not read the refusal")


def acknowledgement(octets: bytes) -> None:
    """The server's answer to one."""
    _round_trip(Acknowledgement, octets)


def card(octets: bytes) -> None:
    """A fleet card."""
    read = unless(FieldError)(FleetCard.parse, octets)
    if read:
        hold(FleetCard.parse(json.dumps(read.to_json()).encode()) == read, "another card", read)


def signed(octets: bytes) -> None:
    """An envelope: what it holds is read by all its readers, or refused."""
    value = as_json(octets)
    for kind in TYPES:
        read = unless(FieldError)(Signed.from_json, value, kind)
        if read:
            hold(Signed.from_json(read.to_json(), kind) == read, "another envelope", read)
            content = unless(FieldError)(read.content)
            for reader in (enrolment.Enrolment, fleet_proof.FleetProof):
                unless(FieldError)(reader.from_json, content)


def messages(octets: bytes) -> None:
    """All small messages, by whatever reader: the wrong one refuses as well."""
    for kind in (
        enrolment.Enrolment, enrolment.Nonce, registration.Registration, registration.RegistrationAnswer,
        release.Release, scanner_settings.ScannerSettings, fleet_proof.FleetProof, ServerAddress,
    ):  # fmt: skip
        _round_trip(kind, octets)
    value = as_json(octets)
    unless(FieldError)(heartbeat.Heartbeat.from_json, value)
    unless(FieldError)(update.UpdateStatus.from_json, value)
    answer = unless(FieldError)(update.read_answer, value)
    if answer:
        hold(update.read_answer(answer.to_json()) == answer, "another answer", answer)
    for name in methods.NAMES:
        unless(FieldError)(methods.checked, name, value)
    if isinstance(value, dict):
        for found in scanner_settings.settings_in(value)[0]:
            key = scanner_settings.key_of(found) if not any("\ud800" <= c <= "\udfff" for c in found) else None
            hold(key is None or scanner_settings.id_of(key) == found, "a scanner has another id", found)


def texts(octets: bytes) -> None:
    """Connection strings, tokens, addresses, binding codes, times: the small texts that people and hubs write."""
    text = octets.decode(*TEXT) if _is_text(octets) else octets.decode("latin-1")
    string = unless(FieldError)(ConnectionString.parse, text)
    hold(not string or ConnectionString.parse(str(string)) == string, "another connection string", text)
    address = unless(FieldError)(ServerAddress.parse, text)
    if address:
        hold(
            is_host(address.host) and ServerAddress.parse(str(address)) == address,
            "another address",
            text,
            address,
        )
    code = unless(FieldError)(BindingCode.parse, text)
    hold(not code or BindingCode.parse(str(code)) == code, "another binding code", text)
    moment = parse_time(text)
    if moment:
        again = parse_time(format_time(moment))
        hold(again and abs((moment - again).total_seconds()) < 0.001, "another moment", text)


def token(octets: bytes) -> None:
    """A shared access signature."""
    text = octets.decode("latin-1")
    found = SasToken.parse("SharedAccessSignature " + text)
    if found:
        found.proves("hub/devices/pi", "a2V5", 10.0)
        again = SasToken.parse(str(found))
        hold(
            again
            and (again.resource, again.signature, again.expiry) == (found.resource, found.signature, found.expiry),
            "another token",
            text,
            str(found),
        )


def topic(octets: bytes) -> None:
    """A topic, as hub and device read it: no reader of it fails, and what is read can be written."""
    if not _is_text(octets):
        return
    text = octets.decode()
    answer = topics.parse_twin_response(text)
    if answer and 0 <= answer[0] < 1000:
        hold(topics.parse_twin_response(topics.twin_response(*answer)) == answer, "another answer", text)
    call = topics.parse_method_call(text)
    if call:
        hold(topics.parse_method_call(topics.method_call(*call)) == call or len(text) > 90, "another call", text)
    done = topics.parse_method_answer(text)
    if done:
        hold(topics.parse_method_answer(topics.method_answer(*done)) == done or len(text) > 90, "another", text)
    bag = unless(ValueError)(topics.decode_properties, text)
    if bag:
        hold(topics.decode_properties(topics.encode_properties(bag)) == bag, "another property bag", text)


def twins(octets: bytes) -> None:
    """Patches: what differs, merged, is what was wanted; merging twice is merging once."""
    value = as_json(octets)
    if not (isinstance(value, list) and len(value) == 2 and all(isinstance(each, dict) for each in value)):
        return
    old, patch = value
    old = merged({}, old)
    new = merged(old, patch)
    hold(merged(new, patch) == new, "merged twice it is another", old, patch)
    hold(merged(old, difference(old, new)) == new, "the difference does not lead there", old, new)


def _is_text(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True


_SCAN = scan(number=1, aim="]Q3", gtin="04006381333931", check_digit_ok=True).to_json()
_ENVELOPE = {
    "payloadType": TYPES[0],
    "payload": "e30=",
    "signatures": [{"keyid": "0" * 64, "sig": "MEUCIQ=="}],
}
_REGISTRATION = {
    "device_id": "pi-1a2b3c4d", "device_type": "raspberry_pi", "timestamp": "2026-11-23T17:33:00.000Z",
    "system_info": {"a": [1]}, "client_version": "1.0", "auto_registered": True, "claim": "0" * 64,
}  # fmt: skip
_RELEASE = release.Release("1.2", 3, 10, 1, packages=("python3-evdev",), notes="n").to_json()
_ANSWER = registration.RegistrationAnswer(
    "pi-1a2b3c4d", datetime(2026, 1, 1, tzinfo=UTC), "HostName=h;DeviceId=d;SharedAccessKey=YQ==", "http://h:1",
    hub=registration.HubDial("h", 8883, True, 443),
).to_json()  # fmt: skip
_OFFER = {
    "has_update": True, "current_version": "1", "latest_version": "2", "update_id": "0" * 64,
    "target": "client/2/pi_auto_client.py", "counter": 2, "update_size": 1, "file_hash": "0" * 64,
    "download_url": "/x", "release_notes": "", "mandatory": False, "retry_after": 3,
}  # fmt: skip
_BATCH = Batch("pi-1a2b3c4d", SPOOL, 1, 2, 1, (scan(number=1),), (incident(number=2),), (), UUID).to_json()
_ACK = {
    "status": "settled", "settled": {"spool": SPOOL, "number": 2}, "flagged": [UUID],
    "refused": [{"list": "scans", "index": 1, "error": {"field": "a", "value": "b", "allowed": "c"}}],
    "resend_from": {"spool": SPOOL, "number": 0},
}  # fmt: skip

TARGETS = (
    Target("wire.strict_json", strict, (b'{"a": [1.5e3, null, "\\ud83d\\ude00"]}', b'{"a":1,"\\u0061":2}'), 256),
    Target("wire.body", body, (b'{"a": [1.5e3, -0, "\\ud800"]}', b"1e999", b"[[[[]]]]"), 256),
    Target("wire.scan", scan_, (seed(_SCAN),), 1200),
    Target("wire.incident", incident_, (seed(incident(number=2).to_json()),), 800),
    Target("wire.batch", batch, (seed(_BATCH),), 3000),
    Target("wire.acknowledgement", acknowledgement, (seed(_ACK),), 800),
    Target("wire.signed", signed, (seed(_ENVELOPE),), 800),
    Target(
        "wire.messages",
        messages,
        tuple(map(seed, (_REGISTRATION, _RELEASE, _ANSWER, _OFFER, {"scanners": {"a%20b": {"layout": "de"}}}))),
        1200,
    ),
    Target(
        "wire.texts",
        texts,
        (b"HostName=h;DeviceId=d;SharedAccessKey=YQ==", b"[fe80::1]:5443", b"2026-11-23T17:33:00.123Z", b"a.b:80"),
        160,
    ),
    Target("wire.token", token, (b"sr=hub%2Fdevices%2Fpi&sig=YQ%3D%3D&se=12&skn=own",), 200),
    Target(
        "wire.topic",
        topic,
        (
            b"$iothub/twin/res/200/?$rid=1&$version=3",
            b"$iothub/methods/POST/reboot/?$rid=1",
            b"$iothub/methods/res/200/?$rid=a%20b",
            b"a=b&%24.mid=1",
        ),
        200,
    ),
    Target("wire.twin", twins, (b'[{"a": {"b": 1}}, {"a": {"b": null, "c": [null]}}]',), 300),
)
