"""The server that the deployment guide names: `python web_app.py`, the same as `pi-auto-server run`.

The first start makes the fleet; each prints the page to open, with a link that signs in until it was used.
Data lies in the folder that PI_AUTO_DATA names, else in ./data; options are passed on.
"""

from __future__ import annotations

if __name__ == "__main__":
    from pi_auto.starting import hush, started

    hush()  # Ctrl-C may come while all of this is loaded

import os
import sys

from pi_auto.server.cli import main

if __name__ == "__main__":
    os.environ.setdefault("PI_AUTO_DATA", "data")
    sys.exit(started(lambda: main(["run", *sys.argv[1:]])))
