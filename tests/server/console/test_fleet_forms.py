"""The administrators' page as people use it: what they typed, what they pasted, and lists longer than a page."""

from __future__ import annotations

import re

from flask.testing import FlaskClient
from sqlalchemy import Connection, insert

from pi_auto.server.admin import devices, words
from pi_auto.server.admin.administrator import Administrator
from pi_auto.server.admin.devices import MOST_LISTED
from pi_auto.server.context import Context
from pi_auto.server.enrolment.tables import pending, revocations
from pi_auto.wire.fields import Fields
from support.enrolling import Desk, box
from support.fleet_page import HTTPS, OURS, act, bearer


def fields_of(page: str) -> dict[str, str]:
    """What stands in the page's fields, by the request of their form and their name."""
    held: dict[str, str] = {}
    for form in page.split("<form")[1:]:
        of = (re.findall(r'name="request" value="([^"]*)"', form) or [""])[0]
        held |= {f"{of} {name}": value for name, value in re.findall(r'<input name="(\w+)" value="([^"]*)"', form)}
    return held


def test_what_was_typed_into_a_refused_form_stands_there_still_and_nowhere_else(
    context: Context, client: FlaskClient
) -> None:
    ann = bearer(context)
    page = act(client, ann, "fleet", "batch create", name='a "b" \\', most="7", days="400").text
    held = fields_of(page)
    assert (held["batch create name"], held["batch create most"], held["batch create days"]) == (
        "a &#34;b&#34; \\",
        "7",
        "400",
    )
    assert (held["token create name"], held["card batch"], held["card most"]) == ("", "", "100")
    page = act(client, ann, "operators", "token create", name="a b", days="9", scopes=["fleet", "devices"]).text
    assert fields_of(page)["token create name"] == "a b"
    assert set(re.findall(r'name="scopes" value="(\w+)" checked', page)) == {"fleet", "devices"}
    page = client.post(
        "/fleet/card", base_url=HTTPS, headers=ann | OURS,
        data={"request": "card", "as": "card", "servers": "a b:c", "batch": "", "most": "9", "days": "8"},
    ).text  # fmt: skip
    assert fields_of(page)["card servers"] == "a b:c"
    page = act(client, ann, "fleet", "batch create", name="spring", most="7", days="30").text
    assert fields_of(page)["batch create name"] == ""


def test_what_is_preauthorised_is_told_with_what_to_do_with_its_secret(
    context: Context, client: FlaskClient
) -> None:
    ann = bearer(context)
    page = act(client, ann, "fleet", "preauthorise", serial="100000001a2b3c4d", days="30").text
    assert "--secret FILE" in page
    other = {"serial": "100000009f8e7d6c", "fingerprint": "ab" * 32, "days": "30"}
    answer = act(client, ann, "fleet", "preauthorise", **other)
    assert answer.status_code == 303
    page = client.get(answer.headers["Location"], base_url=HTTPS, headers=ann).text
    assert "That serial may come with that key" in page


def test_a_list_that_is_cut_says_how_many_there_are(context: Context, client: FlaskClient) -> None:
    now = context.clock()
    wait = {
        "device_id": "pi-1", "reason": "approval", "system_info": {}, "client_version": "1", "address": "10.0.0.1",
        "network": "x", "first_at": now, "last_at": now,
    }  # fmt: skip
    out = {"kind": "key", "made_by": "ann", "made_at": now, "reason": ""}

    def fill(books: Connection) -> None:
        many = range(MOST_LISTED + 3)
        books.execute(insert(pending), [wait | {"serial": f"1{n:015x}", "fingerprint": f"{n:064x}"} for n in many])
        books.execute(insert(revocations), [out | {"value": f"{n:064x}"} for n in many])

    context.writer.submit(fill).result(10)
    page = client.get("/fleet", base_url=HTTPS, headers=bearer(context)).text
    counts = dict(re.findall(r'id="(\w+)-title"[^>]*>[\w ]+ <small>([^<]*)</small>', page))
    assert (counts["waiting"], counts["out"]) == ("500 of 503", "500 of 503")
    said = words.pending(devices.list_pending(Administrator(context, "ann"), Fields({})))
    assert said.endswith("\nand 3 more")
    said = words.shut_out(devices.list_shut_out(Administrator(context, "ann"), Fields({})))
    assert said.endswith("\nand 3 more")


def test_a_serial_that_was_pasted_with_spaces_around_is_found(context: Context, client: FlaskClient) -> None:
    ann, device = bearer(context), box("100000001a2b3c4d")
    desk = Desk(context.store, context.writer, context.clock())
    desk.enrol(device)
    act(client, ann, "devices", "approve", serial=device.serial, fingerprint=device.key.fingerprint)
    desk.enrol(device)
    for path in (f"/fleet?device=%20{device.serial}%09", "/fleet/audit?actor=ann%20&subject=%20pi-"):
        page = client.get(path, base_url=HTTPS, headers=ann).text
        assert "None fits." not in page, path
        assert "Nothing fits." not in page, path


def test_the_devices_that_were_found_stay_found_when_something_is_done_to_one(
    context: Context, client: FlaskClient
) -> None:
    ann, found = bearer(context), [box("100000001a2b3c4d"), box("100000001a2b9999"), box("10000000ffffffff")]
    desk = Desk(context.store, context.writer, context.clock())
    for device in found:
        desk.enrol(device)
        act(client, ann, "devices", "approve", serial=device.serial, fingerprint=device.key.fingerprint)
        desk.enrol(device)
    page = client.get("/fleet?device=1a2b", base_url=HTTPS, headers=ann).text
    form = next(each for each in page.split("<form")[1:] if 'value="decommission"' in each)
    sent = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    page = client.post("/fleet/devices", data=sent, base_url=HTTPS, headers=ann | OURS).text
    assert "At the hub: none runs here now; once one does, it is told." in page
    assert '<input name="device" value="1a2b"' in page
    assert ("pi-1a2b9999" in page, "pi-ffffffff" in page) == (True, False)
    assert act(client, ann, "fleet", "policy", policy="batch", device="1a2b").location.endswith("&device=1a2b")


def test_the_trail_tells_a_list_by_its_members(context: Context, client: FlaskClient) -> None:
    ann = bearer(context)
    act(client, ann, "operators", "token create", name="till", days="9", scopes=["read", "devices"])
    page = client.get("/fleet/audit?action=token", base_url=HTTPS, headers=ann).text
    assert re.search(r"scopes <code[^>]*>(devices, read|read, devices)</code>", page)


def test_the_trail_cuts_what_is_long_and_says_so(context: Context, client: FlaskClient) -> None:
    ann, device = bearer(context), box("100000001a2b3c4d")
    desk = Desk(context.store, context.writer, context.clock())
    desk.enrol(device)
    act(client, ann, "devices", "refuse", serial=device.serial, fingerprint=device.key.fingerprint)
    page = client.get("/fleet/audit?action=refuse", base_url=HTTPS, headers=ann).text
    assert f'title="{device.key.fingerprint}">{device.key.fingerprint[:40]}…</code>' in page
