"""A device below a folder, on which the real switcher works: only systemd is stood in for, by files.

What a service does once it is started is written in the release that it is started from
(`behaviour.json`), so that a release can crash, hang or stay out of reach of its server.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from pi_auto.client.appliance.release import current, switch, unpack
from pi_auto.client.bulletin import FILE
from pi_auto.client.clock import boot_id, boottime_ns
from pi_auto.client.switcher import going_on, program
from pi_auto.client.switcher.services import AGENT_UNIT, CAPTURE_UNIT, UNITS, Standing, Systemd, bounded
from pi_auto.client.switcher.site import Patience, Site
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.release import Release
from support.fleet_home import FleetHome
from support.update_fleet import UpdateFleet, hand_over

QUICK = Patience(
    deadline=0.6,
    stable=0.06,
    look=0.02,
    pause=0.04,
    pause_bound=0.2,
    hand_over=0.3,
    turn=5.0,
    self_test=10.0,
    between=0.0,
)  # of seconds, for what takes minutes on a device
PYTHON = "/usr/bin/python3"  # one that every user may run
_MAIN = """import json, os, pathlib, sys
home = pathlib.Path(__file__).parent
behaviour = json.loads((home / "behaviour.json").read_text())
if sys.argv[1] == "self-test":
    sys.exit(behaviour.get("self-test", 0))
print(json.dumps({"undelivered": behaviour.get("undelivered", 0)}))
"""
SYSTEM = "appliance/system/"


def release(
    version: str, behaviour: Mapping[str, Any] | None = None, code: Mapping[str, str] | None = None, **files: str
) -> bytes:
    """A small release; `files` are of the system, by their paths with `__` for `/` and `_dot_` for `.`.

    `code` are others that it holds, by their names.
    """
    members = {
        "__main__.py": _MAIN,
        "appliance/version": f"{version}\n",
        "behaviour.json": json.dumps(behaviour or {}),
    }
    members |= {SYSTEM + name.replace("__", "/").replace("_dot_", "."): text for name, text in files.items()}
    members |= code or {}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, text in members.items():
            archive.writestr(zipfile.ZipInfo(name), text)  # of a fixed time: the same release has the same bytes
    return packed.getvalue()


class FileServices(Systemd):
    """Services whose standing lies in a file, so that it outlives the switcher's process."""

    def __init__(self, root: Path) -> None:
        self._root, self._file = root, root / "services.json"
        self.installed: set[str] = {"python3"}
        self.knows_handing_over = True  # the capture that runs
        self.runs_children = False  # which take their time; whatever would be run as another user goes well

    def all(self) -> dict[str, Any]:
        """Everything that is known: `units`, the `boot`, what is enabled."""
        told: dict[str, Any] = json.loads(self._file.read_text())
        return told

    def write(self, **changes: Any) -> None:
        """Change some of it, whole."""
        temporary = self._file.with_suffix(".tmp")
        temporary.write_text(json.dumps((self.all() if self._file.exists() else {}) | changes))
        temporary.replace(self._file)

    def standing(self, unit: str) -> Standing:
        """See Systemd."""
        told = self.all()["units"].get(unit, {})
        return Standing(**{"active": False, "restarts": 0} | {k: v for k, v in told.items() if k != "release"})

    def reload(self) -> None:
        """See Systemd."""

    def enable(self, units: Sequence[str]) -> None:
        """See Systemd."""
        self.write(enabled=sorted({*self.all()["enabled"], *units}))

    def disable(self, units: Sequence[str]) -> None:
        """See Systemd."""
        self.write(enabled=sorted({*self.all()["enabled"]} - {*units}))

    def make_users_and_folders(self, root: Path) -> None:
        """See Systemd."""

    def missing(self, packages: Any) -> list[str]:
        """See Systemd."""
        return [name for name in packages if name not in self.installed]

    def installs(self) -> bool:
        """See Systemd."""
        return (self._root / "apt-is-at-work").exists()

    def restart(self, unit: str) -> None:
        """See Systemd."""
        running = current(self._root / "opt/pi-auto-client")
        if running is None:
            raise AssertionError("a service was started while there was no release")
        behaviour = json.loads((running / "app/behaviour.json").read_text())
        told = {"active": True, "restarts": 0, "failed": False, "words": "", "release": running.name}
        post = _capture_tells if unit == CAPTURE_UNIT else _agent_tells
        does = behaviour.get("capture" if unit == CAPTURE_UNIT else "agent", "well")
        if does == "crash":
            told |= {"active": False, "restarts": 5, "words": "NameError: name 'oops' is not defined"}
        starts = self.all().get("starts", [])
        self.write(units=self.all()["units"] | {unit: told}, starts=[*starts, unit])
        folder = self._root / "var/lib/pi-auto-client" / ("capture" if unit == CAPTURE_UNIT else "agent")
        (folder / FILE).unlink(missing_ok=True)
        if does not in ("crash", "hang"):
            told_all = post(does) | ({"release": running.name} if unit == CAPTURE_UNIT else {})
            posts = {name: {"since": 1, "news": news} for name, news in told_all.items()}
            (folder / FILE).write_text(json.dumps({"boot": boot_id(), "pid": 1, "posts": posts}))

    def ask_to_hand_over(self, unit: str) -> bool:
        """See Systemd. How it goes the behaviour of the current release says: `hand_over`."""
        running, units = current(self._root / "opt/pi-auto-client"), self.all()["units"]
        if running is None or not self.knows_handing_over:
            return False
        does = json.loads((running / "app/behaviour.json").read_text()).get("hand_over", "well")
        file = self._root / "var/lib/pi-auto-client/capture" / FILE
        posts = json.loads(file.read_text())["posts"]
        if does == "well":
            posts["release"]["news"] = running.name
            posts.pop("succession", None)
            self.write(units=units | {unit: units[unit] | {"release": running.name}})
        elif does != "silent":
            tries = posts.get("succession", {"news": {"tries": 0}})["news"]["tries"] + 1
            news = {"ok": False, "tries": tries, "said": f"it is {does}", "fault": does == "broken"}
            posts["succession"] = {"since": 1, "news": news}
        file.write_text(json.dumps({"boot": boot_id(), "pid": 1, "posts": posts}))
        self.write(asked=self.all().get("asked", 0) + 1)
        return True

    def started(self, unit: str) -> int:
        """How often it was started."""
        return int(self.all().get("starts", []).count(unit))

    def run_as(self, user: str, command: Sequence[str], patience: float) -> str:
        """See Systemd. The two users of the device are two that every machine has."""
        if not self.runs_children:
            return '{"undelivered": 0}'
        if not Path(PYTHON).exists() or os.geteuid() != 0:
            return bounded(command, patience)
        program = PYTHON if command[0] == sys.executable else command[0]
        return super().run_as(_stand_in(user), [program, *command[1:]], patience)

    def uid_of(self, user: str) -> int:
        """See Systemd."""
        return int(_stand_in(user)) if os.geteuid() == 0 else os.geteuid()


def _cutting(number: int | None) -> Callable[[str], None]:
    left = [number]

    def passed(_step: str) -> None:
        if left[0] is not None:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return passed


def _cut_before_change(number: int) -> None:
    """In this process alone: every function of os that changes names or makes something durable counts."""
    left = [number]

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **named)

        return call

    for name in ("rename", "replace", "unlink", "rmdir", "symlink", "mkdir", "fsync"):
        setattr(os, name, counted(getattr(os, name)))


def _stand_in(user: str) -> str:
    return {"pi-auto": "65534", "pi-auto-capture": "1"}[user]  # nobody and daemon


def _capture_tells(does: str) -> dict[str, Any]:
    opened = [] if does == "no scanner" else [{"path": "/dev/input/event0", "standing": "scanner"}]
    troubles = {"/dev/input/event0": "it cannot be opened"} if does == "no scanner" else {}
    return {"scanners": opened, "troubles": troubles, "storing": {"ok": does != "no room", "said": ""}}


def _agent_tells(does: str) -> dict[str, Any]:
    return {"server": {"ok": does != "out of reach", "said": "no route to host" if does == "out of reach" else ""}}


@cache
def fleet_card() -> FleetCard:
    """A fleet's card, without an update root."""
    with tempfile.TemporaryDirectory() as folder:
        return FleetHome(Path(folder) / "fleet").card


class Switcher:
    """A run of the switcher in a process of its own, which can be killed as a power cut would end it."""

    def __init__(self, work: Callable[[], None]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # a test's process has threads, which do nothing here
            self._pid = os.fork()
        if self._pid == 0:
            code = 1
            try:
                work()
                code = 0
            except BaseException:  # noqa: BLE001 - it is told, and must not run on as a second test
                traceback.print_exc()
            finally:
                os._exit(code)

    def ended(self) -> int:
        """Wait for its end: 0, an exit code, or a negative signal."""
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def kill(self) -> None:
        """End it as it is."""
        os.kill(self._pid, signal.SIGKILL)
        self.ended()


class UpdateBox:
    """The device. It runs version 1.0.0 and belongs to a fleet that signs updates."""

    def __init__(self, root: Path, former: bytes | None = None) -> None:
        root.chmod(0o755)
        self.root, self.fleet = root, UpdateFleet()
        self.services = FileServices(root)
        self.services.write(units={}, boot="boot-1", enabled=[])
        for folder in (
            "var/lib/pi-auto-client/agent",
            "var/lib/pi-auto-client/capture",
            "run/pi-auto-client",
            "etc",
        ):
            (root / folder).mkdir(parents=True)
        self.site = self.switcher()
        self.opt = self.site.opt
        self._install(former or release("1.0.0", etc__unit="former\n"))
        for unit in UNITS:
            self.services.restart(unit)
        self.site.make_folders()

    def switcher(self, passed: Callable[[str], None] = lambda _: None, patience: Patience = QUICK) -> Site:
        """Where the switcher works, here."""
        return Site(self.root, self.services, patience, passed, lambda: self.services.all()["boot"], os.geteuid())

    def _install(self, archive: bytes) -> None:
        file = self.root / "archive"
        file.write_bytes(archive)
        former = unpack(file, self.opt)
        switch(self.opt, former)
        tree = former / "app/appliance/system"
        if tree.is_dir():
            shutil.copytree(tree, self.root, dirs_exist_ok=True)
        self.place_card(fleet_card())

    def place_card(self, card: FleetCard) -> None:
        """The device belongs to this fleet, and believes the first root of its updates."""
        public = replace(card, update_root=self.fleet.roots[0].decode())
        self.site.card.write_text(json.dumps(public.to_json(), indent=2) + "\n")

    def offer(self, archive: bytes, version: str = "2.0.0", counter: int = 2, **custom: Any) -> str:
        """Sign a release and hand it over as the agent does; its SHA-256."""
        about = Release(version, counter, unpacked=custom.pop("unpacked", 100_000), built=1, **custom)
        digest = self.fleet.publish(about.target, archive, about.to_json())
        self.hand_over(archive, self.fleet.files(), about.target, digest, version)
        return digest

    def hand_over(
        self, archive: bytes, metadata: Mapping[str, bytes], target: str, digest: str, version: str = "2.0.0"
    ) -> None:
        """Fill ready/, and make the mark."""
        shutil.rmtree(self.ready.parent, ignore_errors=True)
        request = {"target": target, "update_id": digest, "version": version}
        hand_over(self.agent, archive, metadata, request)
        self.ask()

    def ask(self) -> None:
        """Make the mark that systemd waits for."""
        (self.root / "run/pi-auto-client/update").touch()

    def update(self, site: Site | None = None) -> None:
        """What pi-auto-update.service does."""
        program.update(site or self.site)

    def boot(self, site: Site | None = None) -> None:
        """The power comes back: what pi-auto-trial.service does before all others, then the services start."""
        self.services.write(boot=f"boot-{time.monotonic_ns()}", units={})
        for program_folder in ("agent", "capture"):
            (self.site.state / program_folder / FILE).unlink(missing_ok=True)
        shutil.rmtree(self.root / "run/pi-auto-client")
        (self.root / "run/pi-auto-client").mkdir()
        going_on.at_boot(site or self.site)
        for unit in (CAPTURE_UNIT, AGENT_UNIT):
            self.services.restart(unit)

    def updating(self, cut_at: int | None = None) -> Switcher:
        """The same in a process of its own; the power goes at the step boundary of that number."""
        return Switcher(lambda: self.update(self.switcher(_cutting(cut_at))))

    def updating_until_change(self, number: int) -> Switcher:
        """The same; the power goes before the change to the disk of that number."""

        def work() -> None:
            _cut_before_change(number)
            self.update()

        return Switcher(work)

    def booting(self, cut_at: int) -> Switcher:
        """A boot in which the power goes again, at the step boundary of that number."""
        return Switcher(lambda: self.boot(self.switcher(_cutting(cut_at))))

    def become(self, program_name: str, does: str) -> None:
        """A service that runs does something else from now on."""
        file = self.site.state / program_name / FILE
        posts = (_agent_tells if program_name == "agent" else _capture_tells)(does)
        told = {name: {"since": 1, "news": news} for name, news in posts.items()}
        whole = file.with_name(f"{FILE}.new")  # as the real ones: nobody reads half of it
        whole.write_text(json.dumps({"boot": boot_id(), "pid": 1, "posts": told}))
        if file.exists():
            shutil.copymode(file, whole)
            os.chown(whole, file.stat().st_uid, file.stat().st_gid)
        whole.rename(file)

    def trial(self) -> dict[str, Any]:
        """The state of the trial; empty if there is none."""
        try:
            told: dict[str, Any] = json.loads((self.site.own / "state.json").read_text())
        except FileNotFoundError:
            return {}
        return told

    def trial_age(self) -> float:
        """Seconds since the new release was started."""
        trial = self.trial()
        return (boottime_ns() - trial["began_ns"]) / 1e9 if trial.get("started") else 0

    @property
    def agent(self) -> Path:
        """The agent's folder."""
        return self.site.state / "agent"

    @property
    def ready(self) -> Path:
        """What was handed over."""
        return self.agent / "update/ready"

    @property
    def version(self) -> str:
        """What `current` names."""
        running = current(self.opt)
        return running.name if running else ""

    def running(self) -> set[str]:
        """The releases that services run from."""
        return {unit["release"] for unit in self.services.all()["units"].values() if unit["active"]}

    def told(self) -> list[tuple[str, str]]:
        """Steps and reasons that were told, oldest first."""
        file = self.site.told / "told.json"
        return (
            [(one["step"], one["reason"]) for one in json.loads(file.read_text())["steps"]]
            if file.exists()
            else []
        )

    def steps(self) -> list[str]:
        """The steps alone."""
        return [step for step, _ in self.told()]

    def system(self, name: str) -> str | None:
        """What a system file holds."""
        file = self.root / name
        return file.read_text() if file.exists() else None

    def leftovers(self) -> list[str]:
        """What should not be there once an update has ended."""
        own = [
            name
            for name in ("state.json", "former-files.json", "ballast", "taken")
            if (self.site.own / name).exists()
        ]
        return own + [name for name in ("judge",) if (self.opt / name).is_symlink()]
