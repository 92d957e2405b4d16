"""Whether capture is the same in two releases, so that the one that runs need not be restarted.

The same is: every file that a capture process can load, now or later, holds the same bytes, and so
do the system files that shape its process. What it can load follows from the imports that are
written in the code, those inside of functions too; all of its own room counts, since it names
tables of keys by their layout. Whatever cannot be told for sure is not the same.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from pi_auto.client.switcher.keeping import TREE

_MAIN, _START, _ROOM = "__main__.py", "pi_auto.client.beginning", "pi_auto/client/capture"
_NEVER = "pi_auto.client.cli"  # beginning.py leaves to it what is no plain capture, as the unit's command line is
_UNITS = ("etc", "systemd", "system")
_SHAPING = ("pi-auto-capture.service", "pi-auto.slice")
_OTHERS = ("usr/local/bin", "etc/apt", "etc/logrotate.d", "etc/polkit-1")  # nothing there reaches into a process

Files = dict[str, bytes]


def captures_alike(one: Path, other: Path) -> bool:
    """Whether two releases' folders hold the same capture. Raises OSError."""
    try:
        known: dict[bytes, frozenset[str]] = {}
        loaded = _loaded(one / "app", known)
        return bool(loaded) and loaded == _loaded(other / "app", known) and processes_alike(one, other)
    except (SyntaxError, ValueError):
        return False


def processes_alike(one: Path, other: Path) -> bool:
    """Whether systemd would make the same of both captures' processes: their code may differ. Raises OSError."""
    return _shaping(one) == _shaping(other)


def names_loaded(app: Path) -> frozenset[str]:
    """The files below `app` that a capture process can load. Raises OSError, and SyntaxError or ValueError."""
    return frozenset(_loaded(app, {}))


def _loaded(app: Path, known: dict[bytes, frozenset[str]]) -> Files:
    """By name; none if it is no release that capture could be started from."""
    found: Files = {}
    if not (app / _MAIN).is_file() or _file(app, _START) is None:
        return found
    found[_MAIN] = (app / _MAIN).read_bytes()
    waiting = [_START, *_room(app), *_imports(found[_MAIN], known)]
    while waiting:
        for module in _with_parents(waiting.pop()):
            file = _file(app, module) if module != _NEVER else None
            if file is None or (name := str(file.relative_to(app))) in found:
                continue
            found[name] = file.read_bytes()
            waiting += _imports(found[name], known)
    return found


def _room(app: Path) -> Iterator[str]:
    for file in (app / _ROOM).rglob("*.py"):
        yield ".".join(file.relative_to(app).with_suffix("").parts).removesuffix(".__init__")


def _imports(content: bytes, known: dict[bytes, frozenset[str]]) -> frozenset[str]:
    if content not in known:
        known[content] = frozenset(_named(ast.parse(content)))
    return known[content]


def _named(code: ast.Module) -> Iterator[str]:
    """What is imported anywhere in it; of `from a import b` both, since b may be a module."""
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level or node.module is None:
                raise ValueError("a relative import: it cannot be told what it loads")
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _with_parents(module: str) -> Iterator[str]:
    parts = module.split(".")
    return (".".join(parts[: length + 1]) for length in range(len(parts)))


def _file(app: Path, module: str) -> Path | None:
    """The file of a module, if it is the release that brings it along: it goes before the system's own."""
    place = app.joinpath(*module.split("."))
    files = (place / "__init__.py", place.with_name(f"{place.name}.py"))
    return next((file for file in files if file.is_file()), None)


def _shaping(release: Path) -> Files:
    tree = release / TREE
    files = (file.relative_to(tree) for file in tree.rglob("*") if file.is_file())
    return {str(file): (tree / file).read_bytes() for file in files if _shapes(file)}


def _shapes(file: Path) -> bool:
    """Units of others do not; what is not known to leave capture's process alone does."""
    if file.parts[: len(_UNITS)] == _UNITS:
        return file.parts[len(_UNITS)].removesuffix(".d") in _SHAPING
    return not any(file.is_relative_to(place) for place in _OTHERS)
