"""`pi-auto-sim` where what it is given cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_auto.simulator.cli import main


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("demo", "--https", "nonsense"), "--https: 'nonsense' is no IPv4 address and port"),
        (("demo", "--http", "127.0.0.1:99999"), "--http: '127.0.0.1:99999' is no"),
        (("pi", "--state", "x", "--serial", "zz"), "--serial: 'zz' has no 8 hex digits"),
        (("pi", "--state", "x", "--pause", "nan"), "--pause: 'nan' is no number of seconds"),
        (("pi", "--state", "x", "--count", "-1"), "--count: '-1' is no whole number"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(
    words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_a_file_of_codes_that_is_none_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "codes").write_bytes(b"4006\n\xff\n")
    for file, told in (("codes", "is no text in UTF-8"), ("gone", "gone: No such file or directory")):
        assert main(["pi", "--state", str(tmp_path / "pi"), "--codes", str(tmp_path / file)]) == 1
        assert told in capsys.readouterr().err
