"""Wi-Fi codes through the whole capture program: what became of them, and that nothing of them stays anywhere."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pi_auto.client.capture.courier import Courier
from pi_auto.client.capture.diverting import WifiCode
from pi_auto.client.capture.inbox import Inbox, Note
from pi_auto.client.capture.signals.scores import Signal
from pi_auto.client.clock import system_clock
from pi_auto.client.spool.drafts import IncidentDraft
from pi_auto.client.wifi.door import hand_over, read_code, say
from pi_auto.client.wifi.outcomes import SENTENCES, Outcome
from support.captures import Bench
from support.spools import held, texts
from support.waiting import wait_until

SECRET, NETWORK = "canary-Pa55word", "canary-network"
CODE = f"WIFI:T:WPA;S:{NETWORK};P:{SECRET};;"
EAN = "4006381333931"


def files_with(needle: str, *folders: Path) -> list[str]:
    return [
        str(path)
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and needle.encode() in path.read_bytes()
    ]


def bundled(bench: Bench, folder: Path) -> str:
    """All that the doctor's bundle holds, barcodes left in."""
    file = folder / "bundle.zip"
    code = "import sys; from pi_auto.client.cli import main; sys.exit(main(sys.argv[1:]))"
    words = ["doctor", "--state", str(bench.state), "--bundle", str(file), "--with-barcodes"]
    subprocess.run([sys.executable, "-c", code, *words], check=False, capture_output=True)
    with zipfile.ZipFile(file) as archive:
        held = {name: archive.read(name).decode() for name in archive.namelist()}
    assert EAN in held["status.json"]  # it is of this device
    return "".join(held.values())


def test_of_a_scanned_wifi_code_nothing_is_in_any_file_or_log(bench: Bench, tmp_path: Path) -> None:
    with bench.capture() as capture:
        for text in (EAN, CODE, f"]Q1{CODE}", f" {CODE.lower()} ", CODE.replace(";;", ""), f"{SECRET};;"):
            bench.type(text)
        capture.said("a Wi-Fi code was scanned")
        bench.type(EAN)
        capture.wait_for_scans(2)
        bundle = bundled(bench, tmp_path)
        capture.stop()
    assert texts([record for record in held(bench.folder) if hasattr(record, "text")]) == [EAN, EAN]
    for needle in (SECRET, NETWORK, SECRET.lower()):
        assert files_with(needle, tmp_path) == []
        assert needle not in capture.log.read_text()
        assert needle not in bundle


@contextmanager
def helper(door: Path, *words: Outcome) -> Iterator[list[str]]:
    """Somebody behind the door who says these words of every code."""
    taken: list[str] = []

    def serve() -> None:
        for _ in range(1):
            way, _ = listening.accept()
            with closing(way):
                taken.append(read_code(way))
                for word in words:
                    say(way, word)

    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(door))
        listening.listen()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield taken
        thread.join(5)


def carried(door: Path | None, code: str = CODE) -> tuple[Inbox, list[Signal]]:
    inbox, shown = Inbox(), list[Signal]()
    courier = Courier(inbox, shown.append, system_clock(), (lambda text: hand_over(text, door)) if door else None)
    courier.start()
    courier.take(WifiCode(code))
    wait_until(inbox.is_waiting, what="what came of it")
    return inbox, shown


@pytest.mark.parametrize(("said", "kind"), [(Outcome.JOINED, "wifi_joined"), (Outcome.NO_SERVER, "wifi_undone")])
def test_what_was_tried_is_an_incident_for_the_fleet(tmp_path: Path, said: Outcome, kind: str) -> None:
    with helper(tmp_path / "door", Outcome.TRYING, Outcome.TRYING, said) as taken:
        inbox, shown = carried(tmp_path / "door")
    (draft,), _ = inbox.take(10, 1)
    assert taken == [CODE]
    assert isinstance(draft, IncidentDraft)
    assert (draft.type, draft.reason) == (kind, f"a Wi-Fi code was scanned: {SENTENCES[said]}")
    assert shown == [Signal.TRYING, Signal.TRYING]


@pytest.mark.parametrize("said", [Outcome.NOT_NOW, Outcome.OPEN, Outcome.NO_RADIO])
def test_what_was_refused_is_a_signal_and_a_line(tmp_path: Path, said: Outcome) -> None:
    with helper(tmp_path / "door", said):
        inbox, shown = carried(tmp_path / "door")
    (note,), _ = inbox.take(10, 1)
    assert isinstance(note, Note)
    assert SENTENCES[said] in note.text
    assert shown == [Signal.REFUSED]


def test_a_helper_that_dies_and_one_that_babbles_have_failed(tmp_path: Path) -> None:
    with helper(tmp_path / "door", Outcome.TRYING):
        assert list(hand_over(CODE, tmp_path / "door")) == [Outcome.TRYING, Outcome.FAILED]
    assert list(hand_over(CODE, tmp_path / "none")) == [Outcome.NO_HELPER]


def test_where_it_is_switched_off_the_code_goes_nowhere() -> None:
    inbox, shown = carried(None)
    (note,), _ = inbox.take(10, 1)
    assert isinstance(note, Note)
    assert "wifi_by_scanning" in note.text
    assert shown == [Signal.REFUSED]


def test_every_outcome_has_a_sentence() -> None:
    assert set(SENTENCES) == set(Outcome)
