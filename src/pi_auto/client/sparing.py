"""Keeps the modules of the standard library out of capture that others load in case they are needed.

`logging` loads `traceback` for the day something fails, `socket` loads `selectors` for sending files, `pathlib`
loads `urllib.parse` to write URIs. That day they are loaded; until then something stands in for them that takes no
room. Together they take 0.7 MiB for as long as capture runs, and time until it is back after a crash.
See docs/decisions/0073.
"""

from __future__ import annotations

import sys
from _thread import allocate_lock
from types import ModuleType

from pi_auto.typed import Any

_PARSE = "urllib.parse"
_LATE = ("selectors", "traceback")  # what others take by `import`, and look into when they need it
_changing = allocate_lock()


class Late(ModuleType):
    """Stands in for a module until the first look into it, which loads that; from any thread."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # whoever looks through all modules there are needs none of them
            raise AttributeError(f"{self.__name__} is not loaded yet, and has no {name}")
        return getattr(self._loaded(), name)

    def _loaded(self) -> Any:
        with _changing:
            if sys.modules.get(self.__name__) is self:
                del sys.modules[self.__name__]
        return _load(self.__name__)


def spare() -> None:
    """Let them be loaded late. To be called before anything that loads them; those that are there already stay."""
    for name in _LATE:
        if name not in sys.modules:
            sys.modules[name] = Late(name)
    if _PARSE not in sys.modules:
        _load_pathlib()


def _load_pathlib() -> None:
    """With a stand-in for `urllib.parse` that is there for nobody else."""
    parse: Any = Late(_PARSE)
    parse.quote_from_bytes = _quote
    sys.modules[_PARSE] = parse
    try:
        import pathlib  # noqa: F401, PLC0415 - it stays loaded for all others
    finally:
        del sys.modules[_PARSE]


def _quote(octets: bytes) -> str:
    from urllib.parse import quote_from_bytes  # noqa: PLC0415 - late

    return quote_from_bytes(octets)


def _load(name: str) -> Any:
    """The module itself."""
    if name == "selectors":
        import selectors  # noqa: PLC0415 - late

        return selectors
    import traceback  # noqa: PLC0415 - late

    return traceback
