"""The administrator's socket answers whatever the fleet's lists hold, and after a shortage of descriptors."""

from __future__ import annotations

import errno
import socket
import threading
from pathlib import Path
from typing import Any

from pi_auto.server.admin import socket as admin_socket
from pi_auto.server.admin.devices import MOST_LISTED


def test_the_longest_list_fits_in_whatever_letters_its_reasons_are(tmp_path: Path) -> None:
    row = {"kind": "serial", "value": "0" * 64, "made_by": "x" * 128, "reason": "\u0436" * 255}
    told = {"shut_out": [row] * MOST_LISTED}
    path = tmp_path / "admin.sock"
    listener = admin_socket.start(path, lambda _: told)
    try:
        assert admin_socket.ask(path, {"request": "shut out"}) == told
    finally:
        admin_socket.close(listener, path)


class Short(socket.socket):
    """A listening socket whose process has no descriptor left for the first who comes."""

    was_short = False

    def accept(self) -> tuple[socket.socket, Any]:
        if not self.was_short:
            self.was_short = True
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


def test_a_server_that_was_short_of_descriptors_answers_its_administrator_again(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    bound = admin_socket.listen(path)
    with Short(fileno=bound.detach()) as listener:
        thread = threading.Thread(
            target=admin_socket.serve, args=(listener, lambda _: {"well": True}), daemon=True
        )
        thread.start()
        assert admin_socket.ask(path, {"request": "policy"}) == {"well": True}
        admin_socket.close(listener, path)
        thread.join(10)
        assert not thread.is_alive()
