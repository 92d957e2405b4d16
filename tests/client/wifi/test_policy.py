from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from pi_auto.client.wifi import attempt
from pi_auto.client.wifi.code import Network, Security
from pi_auto.client.wifi.facts import facts_of, has_way_out
from pi_auto.client.wifi.outcomes import Outcome
from pi_auto.client.wifi.policy import Facts, may_join

SAFE, OPEN = Network(b"net", Security.WPA, "password"), Network(b"net", Security.OPEN)
WEP = Network(b"net", Security.WEP, "abcde")
AT_WORK = Facts(switched_on=True, enrolled=True, has_network=True, uptime=3600.0)


@pytest.mark.parametrize(
    ("facts", "network", "why_not"),
    [
        (AT_WORK, SAFE, Outcome.NOT_NOW),
        (replace(AT_WORK, has_network=False), SAFE, None),
        (replace(AT_WORK, uptime=299.0), SAFE, None),
        (replace(AT_WORK, enrolled=False), SAFE, None),
        (replace(AT_WORK, enrolled=False), OPEN, None),
        (replace(AT_WORK, enrolled=False), WEP, None),
        (replace(AT_WORK, has_network=False), OPEN, Outcome.OPEN),
        (replace(AT_WORK, uptime=10.0), WEP, Outcome.OPEN),
        (AT_WORK, OPEN, Outcome.NOT_NOW),
        (replace(AT_WORK, enrolled=False, switched_on=False), SAFE, Outcome.OFF),
    ],
)
def test_a_code_is_followed_where_nobody_else_could_have_wanted_it(
    facts: Facts, network: Network, why_not: Outcome | None
) -> None:
    assert may_join(network, facts) is why_not


_HEAD = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"


@pytest.mark.parametrize(
    ("four", "six", "way_out"),
    [
        ("", "", False),
        ("eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n", "", True),
        ("eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n", "", False),
        ("", f"{'0' * 32} 00 {'0' * 32} 00 fe80{'0' * 28} 00000400 00000001 00000000 00000003 eth0\n", True),
        ("", f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} ffffffff 00000001 00000000 00200200 lo\n", False),
    ],
)
def test_a_network_is_a_way_out(tmp_path: Path, four: str, six: str, way_out: bool) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net/route").write_text(_HEAD + four)
    (tmp_path / "net/ipv6_route").write_text(six)
    assert has_way_out(tmp_path) is way_out


def test_who_has_a_registration_belongs_to_a_fleet_and_broken_settings_switch_it_off(tmp_path: Path) -> None:
    file = tmp_path / "client.json"
    file.write_text(f'{{"state": "{tmp_path}"}}')
    assert not facts_of(file).enrolled
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent/registration.json").touch()
    assert facts_of(file).enrolled
    assert facts_of(file).switched_on
    file.write_text("{")
    assert not facts_of(file).switched_on


@pytest.mark.parametrize("wrong", ['"server_url": "fleet"', '"server_ca": "/home/pi/ca.pem"'])
def test_a_server_that_cannot_be_used_switches_nothing_off(tmp_path: Path, wrong: str) -> None:
    file = tmp_path / "client.json"
    file.write_text(f'{{"state": "{tmp_path}", {wrong}}}')
    assert facts_of(file).switched_on


@pytest.mark.parametrize("content", ["", "[]", "[" * 4096, '{"uuid": "x"}'])
def test_an_attempt_that_is_told_wrongly_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "attempt.json").write_text(content)
    assert attempt.under_way(tmp_path) is None


def test_an_attempt_that_is_no_file_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "attempt.json")
    assert attempt.under_way(tmp_path) is None
