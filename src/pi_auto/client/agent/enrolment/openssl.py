"""Keys on the curve P-256 as the `openssl` command makes and uses them; every Raspberry Pi OS has it.

The agent signs once a day. A library for that would cost it ten megabytes all day long.
What is secret goes through files and pipes, never onto a command line.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pi_auto.wire.keys import PublicKey

_PATIENCE = 20.0  # seconds; a signature takes a Pi Zero a tenth of one
_CURVE = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:named_curve")


class OpensslError(Exception):
    """The command is missing, hangs, or cannot use what it was given."""


class Unusable(OpensslError):  # noqa: N818 - named for what the input is
    """The command works, and says that it cannot use what it was given."""


def new_key() -> bytes:
    """A private key, PKCS #8 in PEM. Raises OpensslError."""
    return _openssl("genpkey", *_CURVE, "-outform", "PEM")


def public_of(key: bytes, where: str) -> PublicKey:
    """The public half of a private key in PEM, out of `where`. Raises OpensslError and FieldError."""
    return PublicKey.from_der(_openssl("pkey", "-pubout", "-outform", "DER", given=key), where)


def sign(file: Path, octets: bytes) -> bytes:
    """The ECDSA signature with SHA-256 over `octets`, in DER. Raises OpensslError."""
    return _openssl("dgst", "-sha256", "-sign", str(file), given=octets)


def is_signed_by(key: PublicKey, octets: bytes, signature: bytes) -> bool:
    """Whether the signature over `octets` was made with the private half of `key`. Raises OpensslError."""
    with ExitStack() as opened:
        public, signed = (opened.enter_context(_memory(part)) for part in (key.der, signature))
        command = ("dgst", "-sha256", "-keyform", "DER", "-verify", _path(public), "-signature", _path(signed))
        done = _run(command, octets, (public, signed))
    if done.returncode not in {0, 1}:
        raise OpensslError(_complaint(command, done))
    return done.returncode == 0 and done.stdout.strip() == b"Verified OK"


@contextmanager
def _memory(content: bytes) -> Iterator[int]:
    """A file without a name, for a program that wants its input in files."""
    descriptor = os.memfd_create("openssl")
    try:
        os.write(descriptor, content)
        yield descriptor
    finally:
        os.close(descriptor)


def _path(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


def _openssl(*command: str, given: bytes = b"") -> bytes:
    done = _run(command, given)
    if done.returncode:
        raise (Unusable if done.returncode == 1 else OpensslError)(_complaint(command, done))
    return done.stdout


def _run(
    command: tuple[str, ...], given: bytes, passed: tuple[int, ...] = ()
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["openssl", *command],
            input=given,
            capture_output=True,
            check=False,
            timeout=_PATIENCE,
            pass_fds=passed,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OpensslError(f"openssl {command[0]} cannot be run: {error}") from None


def _complaint(command: tuple[str, ...], done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return f"openssl {command[0]} ended with {done.returncode}: {lines[-1][:300] if lines else 'it says nothing'}"
