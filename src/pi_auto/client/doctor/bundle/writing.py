"""Writes the bundle: every member is cleaned, whatever made it; one that cannot be made says why in its place."""

from __future__ import annotations

import json
import os
import pwd
import time
import zipfile
from typing import Any, BinaryIO

from pi_auto.client.doctor.bundle.collecting import members
from pi_auto.client.doctor.bundle.redaction import Redactor
from pi_auto.client.doctor.bundle.secrets import own_secrets
from pi_auto.client.doctor.findings import UNCHECKED, Finding
from pi_auto.client.doctor.patient import Patient

_LEFT_OUT = "left-out.txt"
_BLIND = "no input devices are seen from here: what is said of devices and of who may read them means nothing"
_MOST = 1024 * 1024  # characters of a member
_OLDEST = (1980, 1, 1, 0, 0, 0)  # of what a zip file can say; the clock may say 1970


def write_bundle(
    patient: Patient, findings: list[Finding], paper: BinaryIO, *, with_barcodes: bool = False
) -> list[str]:
    """Write it to `paper`; a line about each member. Raises OSError if the disk is full or the like."""
    redactor = Redactor(own_secrets(patient.settings.agent_folder), with_barcodes=with_barcodes)
    lines, gaps = [], [f"{each.name}: {each.what}" for each in findings if each.what.startswith(UNCHECKED)]
    with zipfile.ZipFile(paper, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in members(patient, findings):
            content, trouble = _made(member.make, redactor)
            archive.writestr(_named(member.name), content, zipfile.ZIP_DEFLATED)
            lines.append(f"{member.name:<16}{trouble or f'{len(content)} characters'}")
            gaps += [f"{member.name}: {trouble}"] if trouble else []
        archive.writestr(_named(_LEFT_OUT), redactor.text(_told(patient, gaps)), zipfile.ZIP_DEFLATED)
    return [*lines, f"{_LEFT_OUT:<16}{len(gaps)} lines"]


def _told(patient: Patient, gaps: list[str]) -> str:
    """What the bundle lacks, and by whose rights it was made: some of it, root alone may see.

    What the agent makes in its sandbox sees no devices either.
    """
    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        user = str(os.geteuid())
    blind = [] if patient.at("/dev/input").exists() else [_BLIND]
    return (
        "\n".join([f"made with the rights of the user {user}", *blind, *(gaps or ["nothing was left out"])]) + "\n"
    )


def _made(make: Any, redactor: Redactor) -> tuple[str, str]:
    """The cleaned content of a member, and why there is none, if so."""
    try:
        made = make()
        if isinstance(made, str):
            return redactor.text(made)[-_MOST:], ""
        return json.dumps(redactor.value(made), indent=2)[:_MOST], ""
    except Exception as error:  # noqa: BLE001 - whatever it is, the other members are wanted all the same
        trouble = redactor.text(f"left out: {error}")
        return trouble, trouble


def _named(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, max(time.localtime()[:6], _OLDEST))
    member.external_attr = 0o600 << 16
    return member
