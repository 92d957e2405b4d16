"""The administrators' page: what its buttons do, for whom, and that nothing on it can be forged or run."""

from __future__ import annotations

import re
from html import unescape

import pytest
import zxingcpp
from flask.testing import FlaskClient

from pi_auto.server.audit.tables import audit
from pi_auto.server.context import Context
from pi_auto.server.enrolment.tables import batches, binding_codes, identities, pending, revocations
from pi_auto.server.operators import letting_in
from pi_auto.server.operators.rules import Scope
from pi_auto.server.operators.tables import operator_tokens
from pi_auto.wire.binding import BindingCode
from support.enrolling import Box, Desk, box
from support.fleet_page import HTTPS, OURS, act, bearer, rows


@pytest.fixture
def desk(context: Context) -> Desk:
    return Desk(context.store, context.writer, context.clock())


def waiting(desk: Desk, serial: str = "100000001a2b3c4d") -> Box:
    device = box(serial)
    desk.enrol(device)
    return device


def named(device: Box) -> dict[str, object]:
    return {"serial": device.serial, "fingerprint": device.key.fingerprint}


def test_a_device_that_waits_is_shown_and_approved_in_the_operators_name(
    context: Context, desk: Desk, client: FlaskClient
) -> None:
    device, ann = waiting(desk), bearer(context)
    page = client.get("/fleet", base_url=HTTPS, headers=ann).text
    assert device.serial in page
    assert device.key.fingerprint[:16] in page
    answer = act(client, ann, "devices", "approve", **named(device))
    assert answer.status_code == 303
    assert "Approved" in client.get(answer.headers["Location"], base_url=HTTPS, headers=ann).text
    assert desk.enrol(device).token
    assert [(row.actor, row.action) for row in rows(context, audit)][1:] == [("ann", "approve"), ("ann", "enrol")]


def test_a_device_that_is_refused_stays_out_until_it_is_lifted(
    context: Context, desk: Desk, client: FlaskClient
) -> None:
    device, ann = waiting(desk), bearer(context)
    act(client, ann, "devices", "refuse", **named(device))
    assert desk.enrol(device).verdict.value == "revoked"
    assert desk.enrol(box(device.serial)).verdict.value == "approval"  # whose serial it had named
    assert [row.kind for row in rows(context, revocations)] == ["key"]
    act(client, ann, "devices", "lift", device_id=device.key.fingerprint)
    assert desk.enrol(device).verdict.value == "approval"


def test_an_enrolled_device_is_shut_out_let_in_and_forgotten(
    context: Context, desk: Desk, client: FlaskClient
) -> None:
    device, ann = waiting(desk), bearer(context)
    act(client, ann, "devices", "approve", **named(device))
    desk.enrol(device)
    act(client, ann, "devices", "revoke", device_id=device.device_id, reason="stolen")
    page = client.get("/fleet", base_url=HTTPS, headers=ann).text
    assert "stolen" in page
    assert "Let in again" in page
    assert desk.enrol(device).verdict.value == "revoked"
    act(client, ann, "devices", "lift", device_id=device.device_id)
    assert desk.enrol(device).verdict.value == "known"
    act(client, ann, "devices", "decommission", device_id=device.device_id)
    assert rows(context, identities) == []


def test_a_code_is_shown_once_as_a_picture_that_scanners_read_and_lets_one_box_in(
    context: Context, desk: Desk, client: FlaskClient
) -> None:
    page = act(client, bearer(context), "fleet", "code").text
    found = re.search(r'class="secret">(PIAUTO:[^<]+)<', page)
    assert found
    code = BindingCode.parse(unescape(found[1]))
    assert read_picture(page) == str(code)
    assert context.fleet
    assert code.fits(context.fleet.card(()))
    one, other = box(), box("10000000ffffffff")
    assert desk.enrol(one, secret=code.shown_secret).verdict.value == "preauthorised"
    assert desk.enrol(other, secret=code.shown_secret).verdict.value == "secret"
    assert rows(context, binding_codes) == []


def read_picture(page: str) -> str:
    """What a scanner reads off the page: the SVG's lines drawn, then decoded."""
    width = re.search(r'<svg width="(\d+)"', page)
    path = re.search(r'class="qrline" stroke="#000" d="([^"]+)"', page)
    assert width
    assert path
    scale, x, y, size = 4, 0.0, 0.0, int(width[1])
    pixels = bytearray(b"\xff") * (size * size)
    for command, numbers in re.findall(r"([Mmh])([-\d. ]+)", path[1]):
        values = [float(number) for number in re.findall(r"-?\d*\.?\d+", numbers)]
        if command != "h":
            x, y = (values[0], values[1]) if command == "M" else (x + values[0], y + values[1])
            continue
        for line in range(int((y - 0.5) * scale), int((y + 0.5) * scale)):
            left = line * size + int(x) * scale
            pixels[left : left + int(values[0]) * scale] = bytes(int(values[0]) * scale)
        x += values[0]
    picture = memoryview(pixels).cast("B", shape=[size, size])
    return zxingcpp.read_barcodes(picture)[0].text


def test_a_code_for_a_serial_is_for_that_serial_alone_and_for_a_quarter_of_an_hour(
    context: Context, desk: Desk, client: FlaskClient
) -> None:
    ann = bearer(context)

    def code(serial: str) -> str:
        page = act(client, ann, "fleet", "code", serial=serial).text
        found = re.search(r'class="secret">(PIAUTO:[^<]+)<', page)
        assert found
        return BindingCode.parse(unescape(found[1])).shown_secret

    one, other = box(), box("10000000ffffffff")
    assert desk.enrol(other, secret=code(one.serial)).verdict.value == "secret"
    secret = code(one.serial)
    assert desk.enrol(one, secret=secret).verdict.value == "preauthorised"
    late = code(other.serial)
    desk.pass_by(minutes=15, seconds=5)
    assert desk.enrol(other, secret=late).verdict.value == "secret"


def test_batches_and_tokens_are_made_shown_once_and_ended(context: Context, client: FlaskClient) -> None:
    ann = bearer(context)
    page = act(client, ann, "fleet", "batch create", name="spring", most="7", days="30").text
    assert "batch_" in page
    assert act(client, ann, "fleet", "batch end", name="spring").status_code == 303
    assert rows(context, batches)[0].revoked_at
    page = act(client, ann, "operators", "token create", name="till", days="9", scopes=["read", "devices"]).text
    assert "operator_" in page
    assert "operator_" not in client.get("/fleet", base_url=HTTPS, headers=ann).text
    assert act(client, ann, "operators", "token revoke", name="till").status_code == 303
    assert {row.name: row.scopes for row in rows(context, operator_tokens)}["till"] == "devices read"


@pytest.mark.parametrize(
    ("scope", "part", "asked"),
    [
        (Scope.DEVICES, "fleet", "policy"), (Scope.DEVICES, "operators", "link"),
        (Scope.FLEET, "devices", "approve"), (Scope.READ, "devices", "revoke"), (Scope.OPERATORS, "fleet", "code"),
    ],
    ids=str,
)  # fmt: skip
def test_who_lacks_the_scope_can_do_nothing(
    context: Context, client: FlaskClient, scope: Scope, part: str, asked: str
) -> None:
    answer = act(client, bearer(context, scope), part, asked, policy="closed")
    assert answer.status_code == 403


def test_no_part_answers_the_requests_of_another(context: Context, client: FlaskClient) -> None:
    devices_only = bearer(context, Scope.DEVICES)
    for request in ("token create", "link", "policy", "code", "card", "", "nonsense"):
        answer = act(client, devices_only, "devices", request, name="x", scopes=["operators"], policy="closed")
        assert answer.status_code == 400
        assert "That was not done" in answer.text
    assert [row.name for row in rows(context, operator_tokens)] == ["ann"]


def test_without_the_scopes_the_page_shows_neither_how_devices_get_in_nor_tokens(
    context: Context, client: FlaskClient
) -> None:
    page = client.get("/fleet", base_url=HTTPS, headers=bearer(context, Scope.DEVICES)).text
    assert "Waiting" in page
    assert "API token" not in page
    assert "batch" not in page


def test_what_strangers_call_themselves_is_text(context: Context, desk: Desk, client: FlaskClient) -> None:
    evil = Box("1<script>alert(1)</script>", box().key, '"><img src=x>')
    desk.enrol(evil)
    ann = bearer(context)
    for path in (
        "/fleet",
        "/fleet/audit",
        "/fleet?device=%22%3E%3Cscript%3E",
        "/fleet/audit?actor=%22%3E%3Cscript%3E",
    ):
        page = client.get(path, base_url=HTTPS, headers=ann).text
        assert "<script" not in page, path
        assert "<img src=x" not in page, path


def test_a_refusal_says_what_was_wrong_and_a_form_of_a_megabyte_is_refused(
    context: Context, client: FlaskClient
) -> None:
    ann = bearer(context)
    answer = act(client, ann, "fleet", "batch create", name="a b", most="7", days="30")
    assert answer.status_code == 400
    assert "letters, digits, dots and dashes" in answer.text
    assert act(client, ann, "fleet", "batch create", name="x", most="9" * 9, days="30").status_code == 400
    assert act(client, ann, "fleet", "batch create", name="x", most="many", days="30").status_code == 400
    assert act(client, ann, "devices", "revoke", device_id="x", reason="y" * 1_000_000).status_code == 413


def test_the_trail_is_filtered_and_goes_on_page_by_page(context: Context, desk: Desk, client: FlaskClient) -> None:
    ann = bearer(context)
    for number in range(205):
        device = waiting(desk, f"2{number:015}")
        desk.pass_by(minutes=1)
        if number % 50 == 0:
            act(client, ann, "devices", "approve", **named(device))
    page = client.get("/fleet/audit?action=approve", base_url=HTTPS, headers=ann).text
    assert page.count("<tr><td") == 5
    page = client.get("/fleet/audit?subject=pi-00000100", base_url=HTTPS, headers=ann).text
    assert page.count("<tr><td") == 2
    page = client.get("/fleet/audit", base_url=HTTPS, headers=ann).text
    older = re.search(r'href="([^"]+)">Older', page)
    assert page.count("<tr><td") == 200
    assert older
    page = client.get(unescape(older[1]), base_url=HTTPS, headers=ann).text
    assert page.count("<tr><td") == 10
    assert client.get("/fleet/audit?before=x&action=%00", base_url=HTTPS, headers=ann).status_code == 200
    assert len(rows(context, pending)) == 205


@pytest.fixture
def session(context: Context, client: FlaskClient) -> FlaskClient:
    """A browser that has signed in."""
    link = context.writer.submit(lambda books: letting_in.make_link(books, context.clock())).result(10)
    assert client.post("/login", data={"link": link}, base_url=HTTPS, headers=OURS).status_code == 303
    return client


@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}],
    ids=str,
)
def test_another_sites_page_alters_nothing_with_a_session_of_ours(
    context: Context, session: FlaskClient, headers: dict[str, str]
) -> None:
    forms = {"devices": "revoke", "fleet": "policy", "operators": "token create"}
    for part, request in forms.items():
        form = {"request": request, "device_id": "pi-1", "policy": "closed", "name": "x", "scopes": "operators"}
        answer = session.post(f"/fleet/{part}", data=form, base_url=HTTPS, headers=headers)
        assert answer.status_code == 403, part
    assert rows(context, operator_tokens) == []
    assert session.get("/fleet", base_url=HTTPS).status_code == 200


def test_whoever_has_signed_in_may_do_everything_and_is_named_in_the_trail(
    context: Context, session: FlaskClient
) -> None:
    form = {"request": "policy", "policy": "closed"}
    answer = session.post("/fleet/fleet", data=form, base_url=HTTPS, headers=OURS)
    assert answer.status_code == 303
    assert [(row.actor, row.outcome) for row in rows(context, audit)] == [
        ("admin", "signed in"),
        ("admin", "closed"),
    ]
    page = session.get("/fleet", base_url=HTTPS)
    assert "<option selected>closed" in page.text
    for header in ("default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"):
        assert header in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/fleet", "/fleet/audit"])
def test_without_a_session_the_page_says_how_to_sign_in(client: FlaskClient, path: str) -> None:
    answer = client.get(path, base_url=HTTPS)
    assert answer.status_code == 401
    assert "pi-auto-server operator link" in answer.text
