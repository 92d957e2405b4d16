"""The command `doctor`: examines the device, tells what it finds as soon as it knows it, and writes the bundle.

What root calls opens the bundle's file, in the folder and by the rights of who called, and then
gives root's rights up before it looks at anything.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pi_auto.client.doctor.examining import examine
from pi_auto.client.doctor.findings import Finding, State
from pi_auto.client.doctor.patient import Patient
from pi_auto.client.doctor.screen import is_colourful, shown, summary
from pi_auto.client.rights import AGENT, JOURNAL, become
from pi_auto.version import __version__

CANNOT = 2  # the exit code where it could not even begin


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for besides the findings."""

    as_json: bool = False
    bundle: Path | None = None
    with_barcodes: bool = False


def doctor(file: Path | None, given: Mapping[str, Any], wanted: Wanted) -> int:
    """Do it; the exit code: 1 if something is wrong."""
    logging.getLogger().setLevel(logging.CRITICAL)  # what the code of others would log is among the findings
    try:
        paper = _open_new(wanted.bundle) if wanted.bundle else None
    except OSError as error:
        reason = "is there already; name another file" if isinstance(error, FileExistsError) else error.strerror
        print(f"pi-auto-client doctor: {wanted.bundle}: {reason}", file=sys.stderr)
        return CANNOT
    with suppress(LookupError):  # nothing is installed here, so there is nobody to be instead
        become(AGENT, JOURNAL)
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of devices come in all alphabets, terminals do not
        sys.stdout.reconfigure(errors="backslashreplace")
    return _examine(Patient.admit(file, given), wanted, paper)


def _examine(patient: Patient, wanted: Wanted, paper: BinaryIO | None) -> int:
    findings = _tell(patient, wanted)
    written = _bundle(patient, findings, wanted, paper) if paper else True
    return 0 if written and not any(each.state is State.WRONG for each in findings) else 1


def _tell(patient: Patient, wanted: Wanted) -> list[Finding]:
    findings, colour = [], is_colourful(sys.stdout)
    for finding in examine(patient):
        findings.append(finding)
        if not wanted.as_json:
            print(shown(finding, colour=colour), flush=True)
    if wanted.as_json:
        told = {"version": __version__, "findings": [each.to_json() for each in findings]}
        print(json.dumps(told, indent=2))
    else:
        print(f"\n{summary(findings)}")
    return findings


def _open_new(path: Path) -> BinaryIO:
    """The bundle's file, new, for who called alone; under sudo it is given to the one who called that."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    owner, group = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    if os.geteuid() == 0 and owner.isdigit() and group.isdigit():
        os.fchown(descriptor, int(owner), int(group))
    return os.fdopen(descriptor, "wb")


def _bundle(patient: Patient, findings: list[Finding], wanted: Wanted, paper: BinaryIO) -> bool:
    """Write it and say what went in, beside the findings; False if it could not be written."""
    from pi_auto.client.doctor.bundle.writing import write_bundle  # noqa: PLC0415 - loaded when needed

    out = sys.stderr if wanted.as_json else sys.stdout
    try:
        with paper:
            lines = write_bundle(patient, findings, paper, with_barcodes=wanted.with_barcodes)
    except OSError as error:
        print(f"pi-auto-client doctor: {wanted.bundle} is incomplete: {error.strerror}", file=sys.stderr)
        return False
    print(f"\n{wanted.bundle} holds, without secrets:", *lines, sep="\n  ", file=out)
    if not wanted.with_barcodes:
        print("Barcodes are masked; --with-barcodes leaves them in.", file=out)
    return True
