from __future__ import annotations

from pathlib import Path

from pi_auto.client.agent.hub.own_link import own_link

_HEAD = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\n"
_SIX = "20010db8000000000000000000000007 02 40 00 80 eth0\n"


def test_a_new_route_or_address_is_another_link(tmp_path: Path) -> None:
    seen = [own_link(tmp_path)]
    for routes, sixes in (
        ("eth0\t00000000\t0100000A\t0003\t0\t0\n", ""),
        ("wlan0\t00000000\t0100000A\t0003\t0\t0\n", ""),
        ("wlan0\t00000000\t0100000A\t0003\t0\t0\n", _SIX),
    ):
        (tmp_path / "route").write_text(_HEAD + routes)
        (tmp_path / "if_inet6").write_text(sixes)
        seen.append(own_link(tmp_path))
    assert seen[0] == frozenset()
    assert len(set(seen)) == len(seen)


def test_using_a_route_does_not_change_it(tmp_path: Path) -> None:
    (tmp_path / "route").write_text(_HEAD + "eth0\t00000000\t0100000A\t0003\t0\t0\n")
    before = own_link(tmp_path)
    (tmp_path / "route").write_text(_HEAD + "eth0\t00000000\t0100000A\t0003\t4\t99\n")
    assert own_link(tmp_path) == before
