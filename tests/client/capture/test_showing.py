"""What the lamps show while the disk is full: trouble, and no scan as stored before it is committed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

# A process of its own, since the limit that makes its disk full is the process's. A lamp notes what the spool
# holds when it is lit, as another process would see it.
SHOWING = """
import json, resource, sys
from pathlib import Path
sys.path[:0] = json.loads(sys.argv[1])
from pi_auto.client.bulletin import Bulletin
from pi_auto.client.capture.clerk import Clerk
from pi_auto.client.capture.inbox import Inbox
from pi_auto.client.capture.signals.scores import SENT, STORED, TROUBLE, Signal
from pi_auto.client.capture.signals.signaller import Signals
from pi_auto.client.spool.errors import SpoolUnavailable
from support.records import stamp
from support.spools import draft, held, texts
from support.waiting import wait_until

folder = Path(sys.argv[2])
unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)

def committed():
    try:
        return len(texts(held(folder)))
    except SpoolUnavailable:
        return 0

class Lamp:
    def __init__(self, role):
        self.roles, self.name = frozenset((role,)), role

    def open(self): pass

    def light(self, *, lit):
        if lit:
            deeds.append((self.name, committed()))

    def close(self): pass

deeds, inbox, bulletin = [], Inbox(), Bulletin(folder)
signals = Signals([Lamp(STORED), Lamp(TROUBLE)], folder / "sent.sock", folder / "agent/marks.sqlite", bulletin)
clerk = Clerk(inbox, folder, folder / "agent", stamp, lambda: None, bulletin, signals, log_barcodes=True)
signals.start()
resource.setrlimit(resource.RLIMIT_FSIZE, (9000, resource.RLIM_INFINITY))
clerk.start()
for text in "AB":
    inbox.put(draft(text))
wait_until(lambda: deeds.count(("trouble", 0)) >= 3, what="trouble is shown again and again")
full = list(deeds)
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
wait_until(lambda: [deed for deed in deeds if deed[0] == "stored"], 20, "it is stored once there is room")
inbox.put(draft("C"))
wait_until(lambda: ("stored", 3) in deeds, what="and so is the next")
inbox.close()
clerk.join(10)
signals.show(Signal.END)
signals.join(5)
print(json.dumps([full, deeds[len(full):], texts(held(folder))]))
"""


def test_on_a_full_disk_trouble_is_shown_and_nothing_as_stored_until_it_is(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SHOWING, json.dumps([each for each in sys.path if each]), str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    full, afterwards, stored = json.loads(ran.stdout)
    assert {name for name, _ in full} == {"trouble"}
    assert {(name, number) for name, number in afterwards if name == "stored" and number < 2} == set()
    assert afterwards[-1] == ["stored", 3]
    assert stored == ["A", "B", "C"]
