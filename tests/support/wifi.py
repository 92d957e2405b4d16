"""The helper behind a door, and an agent beside it that finds its server or does not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pi_auto.client.agent.errors import Unreachable
from pi_auto.client.agent.wifi_proof import WifiProof
from pi_auto.client.bulletin import Bulletin
from pi_auto.client.wifi.door import hand_over
from pi_auto.client.wifi.helper import Helper
from pi_auto.client.wifi.joining import Patience
from pi_auto.client.wifi.outcomes import Outcome
from pi_auto.client.wifi.policy import Facts

NEW = Facts(switched_on=True, enrolled=False, has_network=False, uptime=60.0)


class Rig:
    """A helper at `door`, and the agent whose server is behind the network on trial, if it is `home`."""

    def __init__(self, folder: Path, facts: Facts = NEW, *, home: bool = True) -> None:
        self.door, self.agent = folder / "door", folder / "agent"
        self.agent.mkdir()
        self.asked: list[str] = []
        self._home = home
        self.proof = WifiProof(Bulletin(self.agent), self._reach, folder)
        patience = Patience(to_join=10.0, to_prove=10.0 if home else 2.5)
        self.helper = Helper(self.agent, folder, lambda: facts, patience)

    def _reach(self, interface: str) -> None:
        self.asked.append(interface)
        if not self._home:
            raise Unreachable("no use of the server")

    def follow(self, code: str) -> list[Outcome]:
        """What is said of a code."""
        with self.serving():
            return list(hand_over(code, self.door))

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Both at work, for one code."""
        over = threading.Event()

        def agent() -> None:
            while not over.wait(0.1):
                self.proof.look()

        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(self.door))
            listening.listen()
            workers = (agent, lambda: self._serve(listening))
            threads = [threading.Thread(target=each, daemon=True) for each in workers]
            for thread in threads:
                thread.start()
            yield
            over.set()
            for thread in threads:
                thread.join(10)

    def _serve(self, listening: socket.socket) -> None:
        knocked, _ = listening.accept()
        with knocked:
            self.helper.serve(knocked)
