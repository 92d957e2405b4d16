"""GS1's tests of values: each with what it lets pass and what it does not."""

from __future__ import annotations

import pytest

from pi_auto.client.capture.meaning.iso import COUNTRY_LETTERS, COUNTRY_NUMBERS, CURRENCIES, is_listed
from pi_auto.client.capture.meaning.linters import LINTERS

CASES = {
    "csum": (["08053734093444", "106141412345678908"], ["08053734093445", "106141412345678909"]),
    "csumalpha": (["1987654Ad4X4bL5ttr2310c2K"], ["1987654Ad4X4bL5ttr2310c2L", "2K", "19876 2K", "A" * 26]),
    "hasnondigit": (["12A"], ["123"]),
    "hh": (["00", "23"], ["24", "99"]),
    "hhmi": (["0000", "2359"], ["2400", "2360"]),
    "hhmi9999": (["0000", "2359", "9999"], ["2400", "2360", "9959", "9900"]),
    "hyphen": (["-"], ["+", "A"]),
    "iban": (
        ["DE89370400440532013000", "GB82WEST12345698765432"],
        ["DE88370400440532013000", "XX12ABC", "de89", "D"],
    ),
    "importeridx": (["A", "z", "0", "-", "_"], ["!", "/"]),
    "iso3166": (["276", "826", "004"], ["999", "000", "762"[::-1]]),
    "iso3166999": (["276", "999"], ["000"]),
    "iso3166alpha2": (["DE", "IT"], ["XX", "de", "DD"]),
    "iso4217": (["978", "840"], ["000", "123"]),
    "iso5218": (["0", "1", "2", "9"], ["3"]),
    "key": (["0614141"], ["061A", "061"]),
    "keyoff1": (["10614141"], ["1061A", "106"]),
    "latitude": (["0000000000", "1800000000"], ["1800000001"]),
    "longitude": (["3600000000"], ["3600000001"]),
    "mediatype": (["01", "10", "80", "99"], ["00", "11", "79"]),
    "mi": (["59"], ["60"]),
    "nonzero": (["0001"], ["0000"]),
    "nozeroprefix": (["0", "10"], ["01"]),
    "pcenc": (["A%20B", "100"], ["100%", "%G0", "%2"]),
    "pieceoftotal": (["0102", "0202"], ["0002", "0302", "0000"]),
    "posinseqslash": (["1/2", "3/3"], ["2/1", "0/1", "1-2"]),
    "ss": (["59"], ["60"]),
    "winding": (["0", "1", "9"], ["2"]),
    "yesno": (["0", "1"], ["2"]),
    "yymmd0": (["260100", "240229", "261231"], ["261300", "260230", "260000", "230229"]),
    "yymmdd": (["240229", "000229"], ["260100", "230229", "260431"]),
    "yyyymmdd": (["20240229", "19000228"], ["19000229", "20261301"]),
    "zero": (["0"], ["1"]),
}


def test_every_test_has_its_cases() -> None:
    assert set(CASES) == set(LINTERS)


@pytest.mark.parametrize(("name", "part"), [(name, part) for name, (good, _) in CASES.items() for part in good])
def test_a_good_part_passes(name: str, part: str) -> None:
    assert LINTERS[name](part) is None


@pytest.mark.parametrize(("name", "part"), [(name, part) for name, (_, bad) in CASES.items() for part in bad])
def test_a_bad_part_gets_a_sentence(name: str, part: str) -> None:
    assert LINTERS[name](part)


@pytest.mark.parametrize(
    ("codes", "size", "count"), [(COUNTRY_NUMBERS, 3, 249), (COUNTRY_LETTERS, 2, 249), (CURRENCIES, 3, 178)]
)
def test_a_list_of_codes_is_whole_sorted_and_finds_all_of_its_own(codes: str, size: int, count: int) -> None:
    pieces = [codes[at : at + size] for at in range(0, len(codes), size)]
    assert len(pieces) == count
    assert pieces == sorted(set(pieces))
    assert all(is_listed(piece, codes) for piece in pieces)


def test_a_code_that_only_stands_across_two_others_is_not_listed() -> None:
    assert not is_listed("040", "004008")
    assert is_listed("040", "004008040")
