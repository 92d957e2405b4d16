"""The machine's own tools, as the switcher calls them: real dpkg, real setpriv, real processes."""

from __future__ import annotations

import os
import shutil
import time

import pytest

from pi_auto.client.appliance.errors import SetupFailed, TookTooLong
from pi_auto.client.switcher.services import CannotRun, Systemd, bounded

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give up its rights")


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="needs Debian")
def test_packages_that_are_not_installed_are_named() -> None:
    assert Systemd().missing(["dpkg", "pi-auto-nonesuch", "libc6"]) == ["pi-auto-nonesuch"]
    assert Systemd().missing([]) == []


@needs_root
def test_who_runs_as_another_user_has_no_right_of_root_left() -> None:
    asked = "id -u; id -g; id -G; grep -E '^(Cap(Eff|Prm|Bnd)|NoNewPrivs)' /proc/self/status"
    lines = Systemd().run_as("1", ["/bin/sh", "-c", asked], 10).splitlines()
    assert lines[:3] == ["1", "1", "1"]
    status = dict(line.split(":\t") for line in lines[3:])
    assert status == dict.fromkeys(("CapPrm", "CapEff", "CapBnd"), "0" * 16) | {"NoNewPrivs": "1"}


def test_what_a_command_complains_about_is_told_only_where_it_fails() -> None:
    assert bounded(["/bin/sh", "-c", "echo warning >&2; echo '{}'"], 10) == "{}\n"
    with pytest.raises(SetupFailed, match=r"^broken$"):
        bounded(["/bin/sh", "-c", "echo fine; echo broken >&2; exit 1"], 10)


def test_a_command_that_hangs_is_ended_with_all_its_children() -> None:
    begun = time.monotonic()
    with pytest.raises(TookTooLong):
        bounded(["/bin/sh", "-c", "sleep 60 & sleep 60"], 0.2)
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("script", ["exit 126", "exit 127", "kill -9 $$"])
def test_a_command_that_did_not_get_to_run_is_told_from_one_that_failed(script: str) -> None:
    with pytest.raises(CannotRun):
        bounded(["/bin/sh", "-c", script], 10)


def test_a_program_that_is_missing_did_not_get_to_run() -> None:
    with pytest.raises(CannotRun):
        bounded(["/nonexistent/program"], 10)
