"""What leaves the device holds no secret, whatever it is called and wherever it stands."""

from __future__ import annotations

import time
from typing import Any

import pytest

from pi_auto.client.doctor.bundle.redaction import GONE, Redactor

CLAIM = "0123456789abcdef" * 4
KEY = "c2VjcmV0IGtleSBvZiB0aGlzIGRldmljZSBhbG9uZQ=="
PEM = "MHcCAQEEIIrHjZ8wQ0b2T3y9aXkq1QH5l0y3o8kQZ1v6yq2bqk4zoAoGCCqGSM49"


@pytest.fixture
def redactor() -> Redactor:
    return Redactor({"hidden-by-nothing-else", KEY}, with_barcodes=False)


@pytest.mark.parametrize(
    ("text", "secret", "kept"),
    [
        ("the word hidden-by-nothing-else stood here", "hidden-by-nothing-else", "stood here"),
        ("sig%3Dc2VjcmV0IGtleSBvZiB0aGlzIGRldmljZSBhbG9uZQ%3D%3D", "c2VjcmV0", "sig"),
        ("HostName=h;DeviceId=d;SharedAccessKey=abc+/def==", "abc+/def", "HostName=h;DeviceId=d"),
        ('"SharedAccessKey": "abc"', "abc", "SharedAccessKey"),
        ("SharedAccessSignature sr=h%2Fd&sig=abc%3D&se=17", "abc", "SharedAccessSignature"),
        ("Authorization: Bearer abc.def-ghi", "abc.def", "Authorization"),
        ("api_token=abcdef", "abcdef", "api_token"),
        ('{"api_token": "abcdef", "x": 1}', "abcdef", "api_token"),
        ("password: hunter two and more", "two", "password"),
        ("wpa-psk = 'my long phrase'", "phrase'", "wpa-psk"),
        ("WIFI_PASSWORD=abc", "abc", "WIFI_PASSWORD"),
        ("text=WIFI:S:shop;T:WPA;P:ab\\;;cd;;", "cd", "text"),
        ("cannot use https://user:p/w@fleet.example:5443/x", "p/w", "fleet.example:5443/x"),
        (f"the claim is {CLAIM}", CLAIM, "the claim is"),
        (f"-----BEGIN EC PRIVATE KEY-----\n{PEM}\nAg==\n-----END EC PRIVATE KEY-----\nafter", "Ag==", "after"),
        (f"log: -----BEGIN PRIVATE KEY-----\\n{PEM}\\n-----END PRIVATE KEY-----\nafter", PEM, "log: "),
        (f"{PEM}\n  AgICAgICAgICAgIC\n-----END EC PRIVATE KEY-----\nafter", "AgICAg", "after"),
        (f"-----BEGIN RSA PRIVATE KEY-----\n    {PEM}\n2026-11-23 the next line", PEM, "the next line"),
        (f"a run of base64: {PEM[:44]}", PEM[:44], "a run of base64"),
        ("barcode stored: number=7 uuid=u scanner=s text=4006381333931", "4006381333931", "number=7"),
        ("barcode set aside: number=7 uuid=u reason=text is 'x7'", "x7", "number=7"),
        ("scans[3].text is 'x7'; allowed: y", "x7", "scans[3].text is"),
    ],
)
def test_secrets_go_and_what_stands_around_them_stays(
    redactor: Redactor, text: str, secret: str, kept: str
) -> None:
    clean = redactor.text(text)
    assert secret not in clean
    assert kept in clean


@pytest.mark.parametrize(
    "text",
    [
        "registered as pi-1a2b3c4d with https://fleet.example:5443: device registered",
        "connected to the IoT Hub hub.test at 10.0.0.4 port 8883",
        "scanner opened: usb-Honeywell_Imaging___Mobility_1900_12345678-event-kbd (MS7580) at /dev/input/event3",
        "usb 1-1.2: new full-speed USB device number 5 using dwc_otg",
        "barcodes delivered to the IoT Hub: spool=0b8f3c1e-8f0e-4a53-9f37-0d6b8a3d0c11 through=17",
        "/opt/pi-auto-client/releases/0.1.0/app/pi_auto/client/agent/delivery/api.py",
        "connection_string.SharedAccessKey is missing",
    ],
)
def test_what_helps_stays_as_it_is(redactor: Redactor, text: str) -> None:
    assert redactor.text(text) == text


def test_in_an_object_the_name_tells_what_is_secret(redactor: Redactor) -> None:
    value: dict[str, Any] = {
        "claim": "x", "deep": [{"psk": 12345678, "password": "p", "said": "password=p q", "port": 8883}],
        "newest_scan": {"text": "4006381333931", "number": 7}, "hidden-by-nothing-else": True, "api_token": None,
    }  # fmt: skip
    assert redactor.value(value) == {
        "claim": GONE,
        "deep": [{"psk": GONE, "password": GONE, "said": f"password= {GONE}", "port": 8883}],
        "newest_scan": {"text": "(masked)", "number": 7},
        GONE: True,
        "api_token": None,
    }


def test_barcodes_stay_where_they_are_wanted_but_not_the_secrets_in_them() -> None:
    redactor = Redactor((), with_barcodes=True)
    assert redactor.text("text=4006381333931") == "text=4006381333931"
    assert redactor.text("text=WIFI:T:WPA;P:abc;;") == f"text=WIFI:{GONE}"
    assert redactor.value({"text": "4006381333931"}) == {"text": "4006381333931"}


@pytest.mark.parametrize(
    "piece",
    ["a", "://", "token ", "WIFI:", "-----BEGIN A-----", "A1b2+/", "a-", "=", "-----END A-----\n", "text is "],
)
def test_no_text_makes_it_slow(redactor: Redactor, piece: str) -> None:
    text = piece * (500_000 // len(piece))
    began = time.monotonic()
    redactor.text(text)
    assert time.monotonic() - began < 5
