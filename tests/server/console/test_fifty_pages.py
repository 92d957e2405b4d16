from __future__ import annotations

import threading
import time
from pathlib import Path

from support.caller import Caller
from support.conversation import open_stream
from support.server import RunningServer, running_server

PAGES = 50


class Watcher(threading.Thread):
    """One live page, as far as the server can tell: notes when `text` comes by."""

    def __init__(self, server: RunningServer, text: bytes) -> None:
        super().__init__(daemon=True)
        self._stream = open_stream(server)
        self._text = text
        self.opened = threading.Event()
        self.told_at: float | None = None

    def run(self) -> None:
        heard = b""
        with self._stream as connection:
            while self._text not in heard:
                piece = connection.recv(65536)
                if not piece:
                    return
                heard += piece
                if b"\ndata: " in heard:
                    self.opened.set()
            self.told_at = time.monotonic()


def test_fifty_live_pages_are_all_told_within_a_second_and_devices_are_served_meanwhile(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        device = Caller(server, "pi-1a2b3c4d")
        watchers = [Watcher(server, b"4006381333931") for _ in range(PAGES)]
        for watcher in watchers:
            watcher.start()
        assert all(watcher.opened.wait(10) for watcher in watchers)
        device.scan("4006381333931")
        booked_at = time.monotonic()
        for watcher in watchers:
            watcher.join(10)
        delays = [watcher.told_at - booked_at for watcher in watchers if watcher.told_at]
        assert len(delays) == PAGES
        assert max(delays) < 1
        assert server.stop() == 0
