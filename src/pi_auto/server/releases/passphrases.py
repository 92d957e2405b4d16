"""Where a passphrase comes from: a file that nobody else can read, or whoever sits at the terminal."""

from __future__ import annotations

import getpass
import stat
import sys
from pathlib import Path

from pi_auto.server.releases.errors import ReleaseError

_MOST = 1024  # bytes


class Passphrases:
    """Asks once for each key's file; what fitted one is tried on the next, since most share it."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self.known: list[str] = [_in_file(file)] if file else []

    def new(self) -> str:
        """One for new keys, asked for twice. Raises ReleaseError."""
        if self.known:
            return self.known[0]
        first = self._ask("A new passphrase for the keys: ")
        if first != self._ask("The same once more: "):
            raise ReleaseError("the two passphrases differ; start again")
        self.known.append(first)
        return first

    def ask(self, what: str) -> str | None:
        """Another one, for this key's file; None where nobody can be asked."""
        if self._file or not sys.stdin.isatty():
            return None
        said = self._ask(f"The passphrase of {what}: ")
        self.known.append(said)
        return said

    def _ask(self, prompt: str) -> str:
        if not sys.stdin.isatty():
            raise ReleaseError("there is no terminal to ask for the passphrase; name --passphrase-file FILE")
        return getpass.getpass(prompt)


def _in_file(file: Path) -> str:
    try:
        if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ReleaseError(f"others can read the passphrase in {file}; run: chmod 600 {file}")
        with file.open("rb") as opened:
            return opened.read(_MOST).decode().rstrip("\r\n")
    except OSError as error:
        raise ReleaseError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ReleaseError(f"{file} holds no passphrase in UTF-8") from None
