"""How the programs that run for months start: their settings, their log, their lifeline."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from pi_auto.client.last_good import load_or_last_good
from pi_auto.client.logbook import TEXT, start_logbook, use_format
from pi_auto.client.patient_stream import PatientStream
from pi_auto.client.settings import Settings, SettingsError
from pi_auto.logs import have_stdout, start_logging, stdout_fails
from pi_auto.typed import Any, TextIO, cast

Load = Callable[[Path | None, dict[str, Any], str], Settings]
OPTIONS: Mapping[str, str] = {
    "state": "--state",
    "server_url": "--server",
    "proxy": "--proxy",
    "scanner": "--scanner",
    "log_level": "--log-level",
    "log_format": "--log-format",
    "insecure_plain_http": "--insecure-plain-http",
    "trust_first_server": "--trust-first-server",
}  # settings that the command line may give, by their names
_USAGE_ERROR = 2
_STANDARD_ERROR = 2  # the descriptor
_LAST_LINES = 0.5  # seconds for what the log still has to say at the end
_SIGNALLED = 128  # and the number of the signal, as shells say it


def run(command: Callable[[], int]) -> int:
    """Run a command with a log that nobody has to wait for; its exit code."""
    have_stdout()
    log = PatientStream(_STANDARD_ERROR)
    start_logging(stream=cast("TextIO", log))
    try:
        return _execute(command)
    finally:
        log.drain(_LAST_LINES)


def start_capture(options: Any) -> int:
    """Capture, until it is told to stop; its exit code."""
    from pi_auto.client.capture.program import run_capture  # noqa: PLC0415 - the agent starts from here as well
    from pi_auto.client.wifi.door import DOOR  # noqa: PLC0415 - the same

    start_logbook(options.log_file, options.log_format or TEXT)
    settings = settings_of_service(options, "capture", load_or_last_good)
    hold_lifeline(options)
    return run_capture(
        settings.state,
        settings.scanner,
        log_barcodes=settings.log_barcodes,
        led=settings.led,
        gpio=settings.signal_gpio,
        wifi=DOOR if settings.wifi_by_scanning else None,
        card=settings.fleet_card,
    )


def settings_of_service(options: Any, program: str, load: Load) -> Settings:
    """The settings of a program that runs for months, logging as they say."""
    settings = load(options.config, given(options), program)
    logging.getLogger().setLevel(settings.log_level)
    use_format(settings.log_format)
    return settings


def given(options: Any) -> dict[str, Any]:
    """What the command line says about settings, by their names."""
    return {name: getattr(options, name, None) for name in OPTIONS}


def hold_lifeline(options: Any) -> None:
    """End with the process that has started this one, where the options say so."""
    if options.until_stdin_closes:
        from pi_auto.client import lifeline  # noqa: PLC0415 - under systemd there is none

        lifeline.hold()


def _execute(command: Callable[[], int]) -> int:
    try:
        code = int(command())
        sys.stdout.flush()
    except SettingsError as error:
        print(f"pi-auto-client: {error}", file=sys.stderr)
        return _USAGE_ERROR
    except BrokenPipeError:  # the reader has seen enough: `pi-auto-client replay FILE | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is to be flushed at exit
        return _SIGNALLED + signal.SIGPIPE
    except OSError as error:
        if not stdout_fails():
            raise
        print(f"pi-auto-client: the answer cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _SIGNALLED + signal.SIGINT
    return code
