"""`pi-auto-hub`: the command line of the local hub."""

from __future__ import annotations

if __name__ == "__main__":
    from pi_auto.starting import hush, started

    hush()  # Ctrl-C may come while all of this is loaded

import argparse
import os
import signal
import sys
from contextlib import suppress
from functools import partial
from typing import TextIO

from pi_auto.hub import manage, run_options
from pi_auto.hub.errors import OperatorError
from pi_auto.hub.options import Options
from pi_auto.hub.program import run
from pi_auto.logs import have_stdout, start_logging, stdout_fails

_ABOUT = """\
A local Azure IoT Hub. Devices connect by MQTT with the conventions of Azure IoT Hub
(telemetry, twins, shared access signatures); the fleet server reads their events
from a Unix socket. What a device was told is stored is on disk by then.
"""
_EXAMPLES = """\
examples:
  pi-auto-hub run --data /var/lib/pi-auto-hub --host 127.0.0.1 --mqtt-port 18883
      a hub on loopback without TLS, for trying things out
  pi-auto-hub run --data /var/lib/pi-auto-hub --host 0.0.0.0 --name hub.example.org \\
      --tls-cert hub.crt --tls-key hub.key
      a hub for a network; devices verify the name hub.example.org

When it listens it prints one line,
`pi-auto-hub ready: mqtt=ADDRESS:PORT https=ADDRESS:PORT socket=PATH data=DIR`,
on stdout, or on stderr where stdout is for the events (--events -).
It stops on SIGTERM, and whatever it acknowledged survives a kill.
"""
_SIGNALLED = 128  # and the number of the signal, as shells say it


def main(argv: list[str] | None = None) -> int:
    """Run the command line and answer the exit code: 0, or 1 with one sentence on stderr."""
    have_stdout()
    arguments = _parser().parse_args(argv)
    start_logging(getattr(arguments, "log_level", "INFO"))
    try:
        code = int(arguments.action(arguments))
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough: `pi-auto-hub device list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is to be flushed at exit
        return _SIGNALLED + signal.SIGPIPE
    except OperatorError as error:
        sys.stderr.write(f"pi-auto-hub: {error}\n")
    except OSError as error:
        if error.filename is None and stdout_fails():
            sys.stderr.write(f"pi-auto-hub: the answer cannot be written: {error.strerror}\n")
        else:
            sys.stderr.write(f"pi-auto-hub: cannot use {error.filename or arguments.data}: {error.strerror}\n")
    else:
        return code
    return 1


def _run(arguments: argparse.Namespace) -> int:
    options = run_options.read(arguments)
    if options.https_port is not None or options.own_tls:
        _say_how_to_trust(options)
    return run(options, partial(_say_ready, sys.stderr if options.print_events else sys.stdout))


def _say_how_to_trust(options: Options) -> None:
    if options.tls_cert is None:
        ca = options.data / "tls" / "ca.pem"
        sys.stderr.write(
            f"pi-auto-hub: whoever connects must trust {ca}: set SSL_CERT_FILE and REQUESTS_CA_BUNDLE to it, or "
            "give it to the SDK as server_verification_cert\n"
        )


def _say_ready(output: TextIO, bound: str) -> None:
    with suppress(OSError):  # whoever started it may not listen any more
        print(f"pi-auto-hub ready: {bound}", file=output, flush=True)


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="pi-auto-hub", description=_ABOUT, epilog=_EXAMPLES, formatter_class=raw)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run_command = commands.add_parser(
        "run", help="run the hub until it is stopped", description=_ABOUT, epilog=_EXAMPLES, formatter_class=raw
    )
    run_options.add(run_command)
    run_command.set_defaults(action=_run)
    manage.add_commands(commands)
    return parser


if __name__ == "__main__":
    sys.exit(started(main))
