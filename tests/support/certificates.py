"""Certificates for tests, made with the `openssl` command: an authority and the servers it vouches for."""

from __future__ import annotations

import subprocess
from pathlib import Path


class Authority:
    """A certificate authority in `folder`; `ca` is what believers load."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = folder / "authority.key"
        self.ca = folder / "authority.pem"
        _openssl(
            "req", "-x509", *_new_key(self._key), "-out", str(self.ca), "-subj", "/CN=Test authority", "-days", "2"
        )

    def certificate(self, name: str, *, days: int = 2) -> Path:
        """A PEM file with key and certificate of a server of this one name; run out if `days` are negative."""
        key, request, certificate = (self._folder / f"{name}.{kind}" for kind in ("key", "csr", "crt"))
        extensions = self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName=DNS:{name}\n")
        _openssl("req", *_new_key(key), "-out", str(request), "-subj", f"/CN={name}")
        _openssl(
            "x509", "-req", "-in", str(request), "-CA", str(self.ca), "-CAkey", str(self._key),
            "-CAcreateserial", "-out", str(certificate), "-days", str(days), "-extfile", str(extensions),
        )  # fmt: skip
        both = self._folder / f"{name}.pem"
        both.write_text(key.read_text() + certificate.read_text())
        return both


def _new_key(path: Path) -> tuple[str, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(path))


def _openssl(*arguments: str) -> None:
    try:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise AssertionError("these tests make certificates: install the openssl command") from None
    except subprocess.CalledProcessError as error:
        raise AssertionError(f"openssl {' '.join(arguments)}: {error.stderr}") from None
