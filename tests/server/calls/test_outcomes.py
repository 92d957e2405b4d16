from __future__ import annotations

import argparse
from typing import Any

import pytest

from pi_auto.server.calls.command import payload_of
from pi_auto.server.calls.naming import UnknownDevice, meant
from pi_auto.server.calls.outcomes import of_answer, of_failure, sentence
from pi_auto.server.links.base import DeviceOffline, HubRefused, HubUnavailable, MethodAnswer
from pi_auto.server.settings import SettingsError

KNOWN = [
    ("pi-1a2b3c4d", "till-3"),
    ("pi-1a2b3c4e", "till-4"),
    ("pi-5", "office"),
    ("pi-6", "office"),
    ("pi-7", None),
]


@pytest.mark.parametrize(
    ("status", "payload", "line"),
    [
        (200, {"within_seconds": 1.0}, 'pi-1: restart: done (200): {"within_seconds": 1.0}'),
        (200, None, "pi-1: restart: done (200)"),
        (429, {"error": "3 reboots within a day"},
         "pi-1: restart: refused (429): it was asked too often: 3 reboots within a day"),
        (503, {"error": "a\x1b[31m\nb"}, "pi-1: restart: refused (503): it cannot be done now: a\\x1b[31m\\nb"),
        (404, None, "pi-1: restart: refused (404): its client does not know this method"),
        (500, ["x"], 'pi-1: restart: refused (500): the device says no: ["x"]'),
        (-1, "x" * 5000, 'pi-1: restart: refused (-1): the device says no: "' + "x" * 499),
    ],
)  # fmt: skip
def test_an_answer_is_one_line(status: int, payload: Any, line: str) -> None:
    assert sentence("pi-1", "restart", of_answer(MethodAnswer(status, payload))) == line


@pytest.mark.parametrize(
    ("error", "waited", "outcome", "words"),
    [
        (DeviceOffline("pi-1 is not connected"), 0.01, "offline", "not connected; nothing was done"),
        (DeviceOffline("no answer within 30 s"), 30.01, "timeout", "whether it was done is not known"),
        (HubRefused("the hub refused"), 0.01, "refused", "the hub refused"),
        (HubUnavailable("/data/hub/hub.sock: No such file"), 0.01, "unreachable", "the hub cannot be reached"),
    ],
)
def test_no_answer_says_whether_something_may_have_been_done(
    error: HubUnavailable, waited: float, outcome: str, words: str
) -> None:
    ending = of_failure(error, waited, 30)
    assert ending.outcome == outcome
    assert words in ending.said


@pytest.mark.parametrize(
    ("name", "device_id"), [("pi-1a2b3c4d", "pi-1a2b3c4d"), ("till-4", "pi-1a2b3c4e"), ("pi-7", "pi-7")]
)
def test_a_device_is_meant_by_its_id_or_a_host_name_of_its_own(name: str, device_id: str) -> None:
    assert meant(name, KNOWN) == device_id


@pytest.mark.parametrize(
    ("name", "known", "words"),
    [
        ("pi-1a2b3c4f", KNOWN, "did you mean 'pi-1a2b3c4"),
        ("til-3", KNOWN, "did you mean 'till-3' or 'till-4'?"),
        ("office", KNOWN, "2 devices have the host name 'office'; name one by its id: pi-5, pi-6"),
        ("zzz", KNOWN, "there are 5: pi-1a2b3c4d, pi-1a2b3c4e, pi-5, pi-6, pi-7"),
        ("zzz", [(f"pi-{n:08}", None) for n in range(99)], "pi-00000004 and 94 more"),
        ("zzz\x1b", [], "none has registered yet"),
    ],
)
def test_a_name_that_means_no_device_says_which_there_are(
    name: str, known: list[tuple[str, str | None]], words: str
) -> None:
    with pytest.raises(UnknownDevice) as told:
        meant(name, known)
    assert words in str(told.value)
    assert str(told.value).isprintable()


def options(method: str, **given: Any) -> argparse.Namespace:
    nothing = dict.fromkeys(("seconds", "level", "minutes", "save", "list", "wait"))
    return argparse.Namespace(method=method, **nothing | given)


@pytest.mark.parametrize(
    ("asked", "payload"),
    [
        (options("restart"), {}),
        (options("identify"), {"seconds": 30}),
        (options("identify", seconds=5), {"seconds": 5}),
        (options("set_log_level", level="DEBUG"), {"level": "DEBUG", "minutes": 30}),
    ],
)
def test_what_a_device_is_handed_comes_from_the_options(asked: argparse.Namespace, payload: object) -> None:
    assert payload_of(asked) == payload


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (options("restart", seconds=5), "restart takes no --seconds"),
        (options("identify", level="DEBUG"), "identify takes no --level"),
        (options("reboot", list=True), "reboot takes no --list"),
        (options("set_log_level"), "--level is missing; allowed: one of DEBUG, INFO, WARNING, ERROR"),
    ],
)
def test_options_that_do_not_fit_the_method_are_refused(asked: argparse.Namespace, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        payload_of(asked)


def test_each_request_for_diagnostics_has_an_id_of_its_own() -> None:
    assert payload_of(options("diagnostics")) != payload_of(options("diagnostics"))
