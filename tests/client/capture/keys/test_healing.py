"""Digits of a French, Belgian or Czech scanner are mended; what may be a code of signs is left alone."""

from __future__ import annotations

import pytest

from pi_auto.client.capture.codes import Code
from pi_auto.client.capture.decoder import Decoder
from pi_auto.client.capture.keys.healing import healed
from pi_auto.client.capture.keys.layout import load
from pi_auto.simulator.wedge import Wedge
from support.keys import START


@pytest.mark.parametrize(
    ("signs", "digits"),
    [
        ("$))^#*!###(#!", "4006381333931"),
        ("(^#*%)&$", "96385074"),
        (")#^)))@(!$%@", "036000291452"),
        (")))))))))))))", "0000000000000"),
        (")!@#$%", "012345"),
        ("@)@^!!@%", "20261125"),
    ],
)
def test_digits_are_mended(signs: str, digits: str) -> None:
    assert healed(signs) == digits


@pytest.mark.parametrize(
    "text", ["$", "$$$", "!@#$%", "******", "$$$$$$$$$", "4006381333931", "$))^#*!###(#!A", "!@#$%^ "]
)
def test_what_may_be_meant_is_left_alone(text: str) -> None:
    assert healed(text) is None


@pytest.mark.parametrize("name", ["fr", "be", "cz"])
def test_a_scanner_nobody_has_set_reads_digits_right_and_keeps_what_was_typed(name: str) -> None:
    assert read(Wedge(load(name)), "4006381333931", "us") == Code(
        "4006381333931", b"$))^#*!###(#!", START + 26_000_000
    )


def test_where_the_layout_is_known_signs_are_signs() -> None:
    text = "$))^#*!###(#!"
    assert read(Wedge(load("de")), text, "de") == Code(text, text.encode(), START + 26_000_000)


def read(wedge: Wedge, text: str, layout: str) -> object:
    decoder = Decoder(load(layout))
    (outcome,) = [outcome for event in wedge.events(text, START) for outcome in decoder.feed(event)]
    return outcome
