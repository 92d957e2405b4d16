from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_auto.client.wifi.code import Network, NotReadable, NotSupported, Security, parse

SECRET = "canary-pw"


def said(text: str) -> tuple[bytes, str, str, bool]:
    network = parse(text)
    return network.ssid, network.security.value, network.password, network.hidden


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("WIFI:T:WPA;S:net;P:password;;", (b"net", "wpa", "password", False)),
        ("wifi:S:net;P:password;T:wpa2;H:true;", (b"net", "wpa", "password", True)),
        ("]Q1WIFI:T:SAE;S:net;P:x;H:false;;\r\n", (b"net", "sae", "x", False)),
        ("WIFI:S:caf\u00e9;;", ("caf\u00e9".encode(), "open", "", False)),
        ("WIFI:T:nopass;S:net;P:;H:;;", (b"net", "open", "", False)),
        ("WIFI:T:WEP;S:net;P:abcde;;", (b"net", "wep", "abcde", False)),
        (r"WIFI:T:WPA;S:a\;b\:c\,d\\e\"f;P:\;\;\:\\\"abc;;", (b'a;b:c,d\\e"f', "wpa", ';;:\\"abc', False)),
        ('WIFI:T:WPA;S:"12ab";P:"12345678";;', (b"12ab", "wpa", "12345678", False)),
        ("WIFI:T:WPA;S:12ab;P:12345678;;", (b"12ab", "wpa", "12345678", False)),
        ("WIFI:T:WPA;R:1;S:net;P:" + "a" * 64 + ";;", (b"net", "wpa", "a" * 64, False)),
        (r"WIFI:T:WPA;S:\"q\";P:password;;", (b'"q"', "wpa", "password", False)),
        (r'WIFI:T:WPA;S:"net\\";P:"pass\"word";;', (b"net\\", "wpa", 'pass"word', False)),
        (r'WIFI:T:WPA;S:"net\\\";P:password;;', (b'"net\\"', "wpa", "password", False)),
    ],
)
def test_a_code_as_phones_make_it_is_read(text: str, network: tuple[bytes, str, str, bool]) -> None:
    assert said(text) == network


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"WIFI:T:WPA;S:net;P:{SECRET}", "end is missing"),
        (f"WIFI:T:WPA;S:net;P:{SECRET}\\;", "end is missing"),
        (f"WIFI:T:WPA;S:net;P:{SECRET};x", "has no name"),
        (f"WIFI:T:WPA;S:net;P:{SECRET};P:{SECRET};;", "twice"),
        (f"WIFI:T:{SECRET};S:net;P:{SECRET};;", "T is unknown"),
        (f"WIFI:S:net;P:{SECRET};;", "T is missing"),
        (f"WIFI:T:WPA;P:{SECRET};;", "0 bytes"),
        (f"WIFI:T:WPA;S:{'é' * 17};P:{SECRET};;", "34 bytes"),
        ("WIFI:T:WPA;S:net;P:short;;", "password"), ("WIFI:T:WPA;S:net;P:pässword;;", "password"),
        ("WIFI:T:SAE;S:net;P:\ud800;;", "password"),
        ("WIFI:T:WPA;S:net;;", "password"), ("WIFI:T:WEP;S:net;P:abcdef;;", "password"),
        (f"WIFI:T:WPA;S:net;H:{SECRET};P:{SECRET};;", "H is unknown"),
        ("4006381333931", "does not begin"), ("", "does not begin"),
        (f"WIFI:T:WPA;S:net;P:{'a' * 2000};;", "longer"),
    ],
)  # fmt: skip
def test_one_that_is_wrong_is_refused_without_a_word_of_it(text: str, why: str) -> None:
    with pytest.raises(NotReadable, match=why) as refused:
        parse(text)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("text", ["WIFI:T:WPA2-EAP;S:net;E:PEAP;P:x;;", "WIFI:T:WPA;S:net;I:me;P:password;;"])
def test_a_network_of_users_is_not_supported(text: str) -> None:
    with pytest.raises(NotSupported):
        parse(text)


def test_a_network_shows_itself_to_nobody_by_accident() -> None:
    assert SECRET not in repr(Network(b"net", Security.WPA, SECRET))


@pytest.mark.parametrize(("kind", "safe"), [("WPA", True), ("SAE", True), ("nopass", False)])
def test_only_a_password_that_keeps_strangers_out_makes_it_safe(kind: str, safe: bool) -> None:
    assert parse(f"WIFI:T:{kind};S:net;P:password;;").is_safe is safe


def test_the_password_of_wep_does_not() -> None:
    assert not parse("WIFI:T:WEP;S:net;P:abcde;;").is_safe


@settings(max_examples=2000, deadline=None)
@given(st.text(max_size=200))
def test_whatever_it_is_it_is_read_or_refused(text: str) -> None:
    for code in (text, f"WIFI:{text}", f"WIFI:T:WPA;S:{text};P:{text};;"):
        with suppress(NotReadable):
            assert 1 <= len(parse(code).ssid) <= 32


_ESCAPES = str.maketrans({sign: f"\\{sign}" for sign in '\\;,:"'})


@settings(max_examples=1000, deadline=None)
@given(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=8),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=63),
)
def test_what_was_escaped_is_read_back(ssid: str, password: str) -> None:
    code = f"WIFI:T:WPA;S:{ssid.translate(_ESCAPES)};P:{password.translate(_ESCAPES)};;"
    assert said(code) == (ssid.encode(), "wpa", password, False)
