from __future__ import annotations

from pi_auto.client.agent.network.announcements import SERVICE, Announcements
from pi_auto.client.agent.network.dns_message import AAAA, PTR, SRV, TXT, A, Name, Record
from pi_auto.wire.server_address import ServerAddress

FLEET = "fxueatbdjpwi3c"
HOST = (b"till", b"local")


def announced(label: bytes, fleet: str = FLEET, port: int = 5443, host: Name = HOST) -> list[Record]:
    name = (label, *SERVICE)
    return [
        Record(SERVICE, PTR, target=name),
        Record(name, TXT, texts=(b"http=5000", f"fleet={fleet}".encode())),
        Record(name, SRV, target=host, port=port),
    ]


def heard(*records: Record) -> Announcements:
    made = Announcements(FLEET)
    made.hear(records)
    return made


def test_a_server_of_the_fleet_is_told_with_all_its_addresses() -> None:
    made = heard(*announced(b"one"), Record(HOST, A, address="10.0.0.2"), Record(HOST, AAAA, address="fd00::2"))
    assert made.servers() == [ServerAddress("10.0.0.2"), ServerAddress("fd00::2")]


def test_another_fleets_server_is_nobody() -> None:
    assert heard(*announced(b"one", "fother0000000"), Record(HOST, A, address="10.0.0.2")).servers() == []


def test_whoever_belongs_to_no_fleet_is_told_of_any() -> None:
    made = Announcements(None)
    made.hear([*announced(b"one", "fother0000000"), Record(HOST, A, address="10.0.0.2")])
    assert made.servers() == [ServerAddress("10.0.0.2")]


def test_addresses_that_lead_to_the_device_itself_or_nowhere_are_left_out() -> None:
    odd = ("127.0.0.1", "0.0.0.0", "224.0.0.251")
    places = [Record(HOST, A, address=each) for each in odd]
    places += [Record(HOST, AAAA, address=each) for each in ("::1", "fe80::1", "ff02::fb")]
    assert heard(*announced(b"one"), *places).servers() == []


def test_what_was_not_told_is_asked_for_once() -> None:
    one = (b"one", *SERVICE)
    made = heard(Record(SERVICE, PTR, target=one))
    assert made.missing() == [(one, SRV), (one, TXT)]
    assert made.missing() == []
    made.hear(announced(b"one"))
    assert made.missing() == [(HOST, A), (HOST, AAAA)]


def test_a_network_that_tells_without_end_is_listened_to_for_so_much() -> None:
    made = heard(*(record for n in range(500) for record in announced(b"%d" % n)))
    assert len(made.missing()) <= 8
    assert len(made._records) <= 256
