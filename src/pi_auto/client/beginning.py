"""Where a release begins. Capture has its few options read without argparse.

That would cost it 0.8 MiB for as long as it runs, and a tenth of the time it takes to be back after a crash.
Whatever is not plainly one of them (help, a slip, another command) is left to cli.py, which knows all.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

from pi_auto.client.sparing import spare
from pi_auto.typed import Any

_SWITCHES = ("insecure_plain_http", "trust_first_server")
_FILES = {"--config": "config", "--log-file": "log_file"}
_FLAGS = {"--until-stdin-closes": "until_stdin_closes"}


def begin(words: Sequence[str]) -> int:
    """Do what the command line `words` says; the exit code."""
    if words[:1] == ["capture"]:
        spare()  # before anything else is loaded
        if (options := _plain_options(words[1:])) is not None:
            from pi_auto.client.services import run, start_capture  # noqa: PLC0415 - late, see sparing.py

            return run(lambda: start_capture(options))
    from pi_auto.client.cli import main  # noqa: PLC0415 - with all that it loads

    return main(words)


def _plain_options(words: Sequence[str]) -> SimpleNamespace | None:
    """Options that are written out, each with its value; None if anything else is there."""
    from pathlib import Path  # noqa: PLC0415 - late, see sparing.py

    from pi_auto.client.services import OPTIONS  # noqa: PLC0415 - late, see sparing.py

    texts = {option: name for name, option in OPTIONS.items() if name not in _SWITCHES}
    flags = _FLAGS | {OPTIONS[name]: name for name in _SWITCHES}
    told: dict[str, Any] = dict.fromkeys([*texts.values(), *_FILES.values(), *flags.values()])
    rest = iter(words)
    for word in rest:
        option, equals, value = word.partition("=")
        if word in flags:
            told[flags[word]] = True
            continue
        value = value if equals else next(rest, "")
        if not (name := texts.get(option) or _FILES.get(option)) or not value or value.startswith("-"):
            return None
        told[name] = Path(value) if option in _FILES else value
    return SimpleNamespace(**told)
