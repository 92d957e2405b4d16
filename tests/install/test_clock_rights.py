"""Root's helper without root's capabilities, over folders as the rules make them: it reads a proof, and no more.

Real processes under real user ids. Needs root.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pi_auto.client.clockfloor.floor import FILE, kept_floor
from pi_auto.client.clockfloor.raising import PROOF_FILE, Places
from support.fleet_home import FleetHome

ROOT = Path(__file__).parents[2]
RULES = ROOT / "install/system/etc"
PYTHON = next(
    (path for path in ("/usr/bin/python3", "/usr/local/bin/python3") if Path(path).exists()), sys.executable
)
CAPTURE, AGENT = 64101, 64102  # nobody's
NOW = datetime.now(UTC).replace(microsecond=0)
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv, to be less than root"
)

# As the unit does: no capability but CAP_SYS_TIME, and capture's group. The clock itself is only looked at.
HELPER = [
    "setpriv",
    "--bounding-set=-all,+sys_time",
    "--inh-caps=-all",
    f"--groups={CAPTURE}",
    "--no-new-privs",
    "--",
]
RAISE = """
import logging, sys
from pathlib import Path
from datetime import UTC, datetime
from pi_auto.client.clockfloor.raising import Clock, Places, raise_clock
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
print(Path("/proc/self/status").read_text().partition("CapEff:")[2].split()[0])
raise_clock(Places(Path.cwd()), Clock(lambda: datetime(1970, 1, 1, tzinfo=UTC), lambda: False, print))
"""
HAND_OVER = """
import sys
from pathlib import Path
from pi_auto.files import write_whole
write_whole(Path({file!r}), sys.stdin.read(), mode=0o644)
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> FleetHome:
    return FleetHome(tmp_path_factory.mktemp("fleet"))


@pytest.fixture
def device(fleet: FleetHome) -> Iterator[Places]:
    """The root folder of a device, as tmpfiles.d/pi-auto-client.conf describes it, with a card; open to all."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        shutil.copytree(ROOT / "src/pi_auto", root / "code/pi_auto")
        subprocess.run(["chmod", "-R", "a+rX", str(root / "code")], check=True)
        users = {"root": 0, "pi-auto": AGENT, "pi-auto-capture": CAPTURE}
        for line in (RULES / "tmpfiles.d/pi-auto-client.conf").read_text().splitlines():
            kind, path, mode, user, group = (line.split() + [""] * 5)[:5]
            if kind == "d":
                folder = root / path.removeprefix("/")
                folder.mkdir(parents=True, exist_ok=True)
                os.chown(folder, users[user], users[group])
                folder.chmod(int(mode, 8))
        places = Places(root)
        places.card.parent.mkdir()
        places.card.write_text(json.dumps(fleet.card.to_json()))
        places.card.chmod(0o644)
        yield places


def run(device: Places, script: str, *prefix: str, given: str = "", user: int = 0) -> str:
    """What a script prints, or the last line of its error."""
    path = f"import sys; sys.path[:0] = [{str(device.root / 'code')!r}]\n"
    done = subprocess.run(
        [*prefix, PYTHON, "-B", "-c", path + script], cwd=device.root, input=given, text=True, timeout=60,
        capture_output=True, check=False, user=user, group=user, umask=0o007 if user else 0o022,
        extra_groups=[] if user else None,
    )  # fmt: skip
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def hand_over(device: Places, proof: object) -> str:
    """Have the agent's user put a proof where the agent does."""
    script = HAND_OVER.format(file=str(device.agent / PROOF_FILE))
    return run(device, script, given=json.dumps(proof), user=AGENT)


def test_what_the_agent_hands_over_is_read_and_kept_with_no_capability_but_the_clock_s(
    device: Places, fleet: FleetHome
) -> None:
    assert hand_over(device, fleet.proof(NOW)) == ""
    capabilities, *said = run(device, RAISE, *HELPER).splitlines()
    assert int(capabilities, 16) == 1 << 25  # CAP_SYS_TIME
    assert str(NOW) in said  # what the clock would have been set to
    kept = kept_floor(device.folder)
    assert kept
    assert kept.time == NOW


def test_what_the_agent_keeps_to_itself_stays_shut(device: Places, fleet: FleetHome) -> None:
    hand_over(device, fleet.proof(NOW))
    (device.agent / PROOF_FILE).chmod(0o600)
    assert "Permission denied" in run(device, RAISE, *HELPER)
    assert kept_floor(device.folder) is None


@pytest.mark.parametrize("user", [AGENT, CAPTURE])
def test_nobody_but_root_writes_the_floor(device: Places, user: int) -> None:
    script = f"open({str(device.folder / FILE)!r}, 'w')"
    assert "Permission denied" in run(device, script, user=user)


def test_everybody_may_read_the_floor(device: Places, fleet: FleetHome) -> None:
    hand_over(device, fleet.proof(NOW))
    run(device, RAISE, *HELPER)
    script = f"print(open({str(device.folder / FILE)!r}).read())"
    assert fleet.fleet.fleet_id in run(device, script, user=65534)
